"""What one row of the table of losses says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from softnce.formula import Formula, Setting, Settings


class Need(Enum):
    """What a loss reads of the negatives besides the logits: the tensor that follows these."""

    NOTHING = "nothing"
    RELEVANCE = "relevance"  # (q, c) scores of the estimator
    SHARES = "shares"  # (q, c) s of Eq. 4
    WEIGHTS = "weights"  # (q, c) w of Eq. 4, or the estimator's own

    @property
    def reads(self) -> tuple[str, ...]:
        """The settings that the tensor follows from, besides the estimator's own section."""
        return _READ_BY_NEEDS[self]


_SHARES = ("weights/scale", "weights/temperature")
_EQ_4 = (*_SHARES, "weights/alpha", "weights/beta", "weights/floor", "weights/renormalise")
_READ_BY_NEEDS: Mapping[Need, tuple[str, ...]] = {
    Need.NOTHING: (),
    Need.RELEVANCE: ("weights/scale",),
    Need.SHARES: _SHARES,
    Need.WEIGHTS: _EQ_4,
}
READ_BY_ALL = (
    "loss/name",
    "loss/temperature",
    "loss/clamp_logits_min",
    "loss/directions",
    "loss/duplicates",
)
READ_BY_TRUST = ("loss/trust_rank", "loss/trust_least", "loss/trust_softness")


@dataclass(frozen=True, slots=True)
class LossSpec:
    """A contrastive loss.

    Its function takes the logits (q, c), then what it needs (q, c), then the answers (q,), then
    settings by keyword, and returns the mean loss in nats.

    Attributes:
        name: the word for ``loss.name``.
        label: how a sentence calls it.
        source: where it comes from, for the reference.
        formula: its function, the settings that it reads, and its variants.
        needs: what it reads of the negatives.
        ignores: settings that what it needs follows from, but that make no difference to it.
        drops: setting that tells how many negatives of each query it leaves out; empty: none.
        run_name: how a trial's run is called, a format of ``loss`` and ``weights``; empty: by the
            loss, and by the estimator where it has one.
        settings: of its own, which the configuration has as ``loss/<name>``.
        details: what a sentence adds to label and estimator, such a format too.
        promotes: whether known duplicates can be promoted in it: it is -z_ii + log Z, or such terms
            and others, and Z holds every negative.
    """

    name: str
    label: str
    source: str
    formula: Formula
    needs: Need = Need.NOTHING
    ignores: tuple[str, ...] = ()
    drops: str = ""
    run_name: str = ""
    details: str = ""
    settings: tuple[Setting, ...] = ()
    promotes: bool = True

    @property
    def has_estimator(self) -> bool:
        """Tell whether it reads what ``weights.estimator`` finds relevant."""
        return self.needs is not Need.NOTHING

    @property
    def has_weights(self) -> bool:
        """Tell whether it weighs each negative, by Eq. 4 unless the estimator knows better."""
        return self.needs is Need.WEIGHTS

    def reads(self, settings: Settings) -> set[str]:
        """Return the paths in ``loss`` and ``weights`` that make a difference to it.

        The estimator's own section is not among them.
        """
        needed = set(self.needs.reads) - set(self.ignores)
        read = {*READ_BY_ALL, *needed, *self.formula.reads(settings)}
        if settings("loss/directions") != "qc":
            read.add("loss/partition")
        if settings("loss/duplicates") == "promote":
            read.add("loss/duplicates_share")
        return read | (self._trust(settings) if self.has_estimator else set())

    @staticmethod
    def _trust(settings: Settings) -> set[str]:
        is_read = settings("loss/trust_rank") is not None
        return set(READ_BY_TRUST) if is_read else {READ_BY_TRUST[0]}

    def every_setting(self) -> Iterator[str]:
        """Yield the paths that it may read under some settings."""
        yield from (*READ_BY_ALL, "loss/partition", "loss/duplicates_share")
        if self.has_estimator:
            yield from READ_BY_TRUST
        yield from self.needs.reads
        for formula in self.formula.every():
            yield from formula.own_settings
            yield from (variant.setting for variant in formula.variants)
