"""The pairs of a study: read from its data, or mined once into its folder."""

from typing import TYPE_CHECKING, final

from softnce.cli import phase_progress
from tune_spaces.preparation.known_digest import digest_of_files, known_digest, remember_digest
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import require_same_if_known

if TYPE_CHECKING:
    from softnce.data.pairs import PairSet


@final
class StudyPairs:
    """The pairs that a search works on, read or mined once they are needed.

    The digest of a set that the study has read before is known from the bytes of its files alone:
    a finished study is told again without reading its pairs.
    """

    def __init__(self, context: StudyContext) -> None:
        self._context = context
        self._pairs: PairSet | None = None
        self._files: str | None = None
        self._known = known_digest(context)

    def require(self) -> None:
        """Check what can be checked before a study is held; nothing is written.

        Raises:
            ConfigError: the study is about other data or settings.
            DataError: the pairs cannot be read, or are too few; or what they are to be mined from
                is not there.
        """
        context = self._context
        if self._known is None:
            self._files = digest_of_files(context)
            self._pairs = read(context)
        if self._known is not None or self._pairs is not None:
            require_same_if_known(context.folder, context.config, self.digest)

    @property
    def digest(self) -> str:
        """Name the pairs by their texts, ids and splits."""
        return self._known or self.all().digest

    def all(self) -> "PairSet":
        """Return the pairs.

        Raises:
            DataError: they cannot be read or mined.
        """
        if self._pairs is None:
            self._pairs = read(self._context) or mined(self._context)
        return self._pairs

    def remember(self) -> None:
        """Let the study know the digest of its pairs by the bytes of their files, from now on."""
        if self._known is None:
            remember_digest(self._context, self._files, self.digest)


def read(context: StudyContext) -> "PairSet | None":
    """Read the pairs that ``data.path`` names; None where they are mined, which takes a while.

    Raises:
        DataError: they cannot be read, or are too few to train on and to compare by; or what they
            are to be mined from is not there.
    """
    if context.config.data.path is None:
        if not _is_mined(context):
            from softnce.data.mining.sources import named_paths

            named_paths(context.config.data.mine)
        return None
    from softnce.inputs.pairs import docstrings_in_words, pairs_of, require_enough

    context.console.print(f"reading {context.config.data.path}", soft_wrap=True)
    pairs = pairs_of(context.config.data)
    context.console.print(docstrings_in_words(context.config.data, pairs))
    if pairs.reading.left_out:
        context.console.print(pairs.reading.left_out, style="yellow", soft_wrap=True, markup=False)
    require_enough(context.config, pairs)
    return pairs


def mined(context: StudyContext) -> "PairSet":
    """Mine the study's own pairs, once: later they are read, whatever was installed since."""
    from softnce.inputs.pairs import pairs_of

    if not _is_mined(context):
        _mine(context)
    return pairs_of(context.config.data, context.folder.mined)


def _mine(context: StudyContext) -> None:
    from softnce.data.mining.mine import mine
    from softnce.data.mining.sources import named_paths, wanted_languages

    data = context.config.data
    with phase_progress(context.console) as progress:
        report = mine(
            named_paths(data.mine),
            context.folder.mined,
            languages=wanted_languages(data.mine, data.language),
            max_pairs=data.max_pairs,
            seed=data.seed,
            progress=progress,
        )
    context.console.print(
        f"mined {sum(report.pairs.values()):,} pairs from {report.files:,} files "
        f"in {report.seconds:.0f} s"
    )


def _is_mined(context: StudyContext) -> bool:
    return (context.folder.mined / "mining.json").exists()
