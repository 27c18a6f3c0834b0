"""What a study no longer needs, and how much room it takes.

Kept always: the champion, the weights of the best trials, everything that a trial needs to go on,
the Optuna and MLflow stores, logs and configurations.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from softnce.checkpoints import retention
from softnce.checkpoints.manifest import complete_checkpoint
from softnce.checkpoints.retention import needless_to_encode
from softnce.config.file import load_config
from softnce.errors import ConfigError, SoftnceError
from softnce.weights.table import ESTIMATORS
from softnce.whole_files import torn_beside
from tune_spaces.study import caches
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import stored_folder
from tune_spaces.study.folder import DEFAULT_ROOT, StudyFolder
from tune_spaces.study.lock.study_lock import require_free
from tune_spaces.study.retention import needless_of_trials
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.verdict import rows

_FROZEN = tuple(name for name, spec in ESTIMATORS.items() if spec.training)
_RUNS_OF_TRAIN = ("trials/*/train", *(f"{name}/train" for name in _FROZEN))
_LEFTOVERS = (
    "trials/*/.building-*",
    *(f"{name}/.building-*" for name in _FROZEN),
)
_STUDIES = ("study.json", "*/study.json", "studies/*/study.json")
_OF_A_CACHE = "tokens and vectors, made anew when the study goes on"


@dataclass(frozen=True, slots=True)
class Needless:
    """Something that can go.

    Attributes:
        path: a file or folder.
        reason: why nothing needs it.
        size: bytes.
        files: of a cache, the only ones that go; None: all of it.
    """

    path: Path
    reason: str
    size: int
    files: Sequence[Path] | None = None


def needless_of_study(context: StudyContext) -> list[Needless]:
    """List what a study that nobody is searching does not need any more.

    Raises:
        SetupError: a living search holds the study.
    """
    study = context.folder.stored_study()
    require_free(study)
    root = context.folder.root
    found = [_needless(root / "ray", "Ray Tune's own notes; a study goes on from its trial store")]
    for pattern in _RUNS_OF_TRAIN:
        found += [_needless(one, "Ray Train's own notes") for one in root.glob(pattern)]
    for pattern in _LEFTOVERS:
        found += [_needless(one, "torn by an interruption") for one in root.glob(pattern)]
    torn = torn_beside(context.folder.champion)
    found += [_needless(one, "torn by an interruption") for one in torn]
    table = rows(TrialStore(study, context.space).trials(), context.space)
    found += [_needless(*one) for one in needless_of_trials(context, table)]
    for name in _FROZEN:
        best = complete_checkpoint(root / name)
        needless = needless_to_encode(best) if best is not None else []
        found += [_needless(one, "not needed by a model that is trained") for one in needless]
    return [one for one in found if one.size]


def needless_caches(places: Sequence[Path]) -> tuple[list[Needless], list[str]]:
    """List the caches of studies; tokens and vectors are made anew when needed.

    Args:
        places: studies, or folders of studies; those here where there are none.

    Returns:
        What can go, and a sentence for each cache or file that stays.

    Raises:
        ConfigError: a place holds no study.
    """
    users: dict[Path, set[Path]] = {}
    found, left = [], []
    for root in _studies(places):
        try:
            cache = StudyFolder(root, "").cache(load_config(root / "config.yaml", []))
        except SoftnceError as error:
            left.append(f"the cache of {root} is left alone: {error}")
        else:
            if cache.is_dir():
                users.setdefault(cache, caches.users_of(cache)).add(root)
    for cache in sorted(users):
        try:
            inside = _contents(cache, users[cache])
        except SoftnceError as error:
            left.append(f"{cache} is left alone: {error}")
        else:
            size = sum(path.stat().st_size for path in inside.ours)
            found.append(Needless(cache, _OF_A_CACHE, size, inside.ours))
            left += _foreign(cache, inside.foreign)
    return [one for one in found if one.size], left


def _contents(cache: Path, users: Collection[Path]) -> caches.Contents:
    """Look into a cache that nobody reads."""
    if not caches.is_cache(cache):
        raise ConfigError(
            f"{caches.MARKER}, by which a cache is known, is not in it", "searching on writes it"
        )
    for root in sorted(users):
        _require_unused(root)
    return caches.contents(cache)


def _studies(places: Sequence[Path]) -> list[Path]:
    found = []
    for place in places or [DEFAULT_ROOT]:
        here = [one for pattern in _STUDIES for one in sorted(place.glob(pattern))]
        if places and not here:
            raise ConfigError(f"{place}: neither a study nor a folder of studies", "check the path")
        found += [one.parent.resolve() for one in here]
    return found


def _require_unused(root: Path) -> None:
    """Check that nobody searches a study, which may have gone meanwhile."""
    if (root / "optuna.db").is_file() and (root / "study.json").is_file():
        require_free(stored_folder(root).stored_study())


def _foreign(cache: Path, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - 1} more" if names[1:] else ""
    return [f"{cache}/{names[0]}{more}: not written by softnce, so left there"]


def remove(items: Sequence[Needless]) -> None:
    """Remove files and folders; of a cache, its files that softnce wrote."""
    for one in items:
        if one.files is not None:
            caches.clear(one.path, one.files)
        else:
            retention.remove([one.path])


def shown_size(size: int) -> str:
    """Write a number of bytes for people.

    >>> shown_size(1_234_000)
    '1.2 MB'
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _needless(path: Path, reason: str) -> Needless:
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(one.stat().st_size for one in files if one.is_file())
    return Needless(path, reason, size)
