"""What a single training trains: a configuration, or a trial of a study."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.errors import ConfigError
from tune_spaces.study.context import StudyContext, stored_study_context
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.study.verdicts.verdict import rows

_NAMED_TRIALS = 20


@dataclass(frozen=True, slots=True)
class TrainingSource:
    """What is trained.

    Attributes:
        config: resolved; its search space is left alone.
        name: of the run, unless its folder is named.
        of_models: the configuration that teacher and SimCSE follow from, where it is a study's.
        study: folder of the study whose trial it is; None where it is none.
    """

    config: Config
    name: str
    of_models: Config | None = None
    study: Path | None = None


def seeded(source: TrainingSource, seed: int | None) -> TrainingSource:
    """Return the same with another seed of the initial weights and the order of the pairs."""
    if seed is None:
        return source
    config = with_overrides(source.config, {"optim/seed": seed})
    return replace(source, config=config, name=f"{source.name}-seed{seed}")


def trial_source(study: str, trial: str, console: Console) -> TrainingSource:
    """Take the configuration of a study's trial, with the study's data, cache and frozen models.

    Args:
        study: its folder or name.
        trial: its key, for example t0007.
        console: where a person looks.

    Raises:
        ConfigError: there is no such study or trial.
    """
    context = stored_study_context(study, console)
    table = rows(TrialStore(context.folder.stored_study(), context.space).trials(), context.space)
    found = next((row for row in table if row.key == trial), None)
    if found is None:
        known = [row.key for row in table][:_NAMED_TRIALS]
        cure = f"name one of {', '.join(known)}" if known else "begin one with softnce search"
        raise ConfigError(f"{context.folder.root}: no trial {trial}", cure)
    name = f"{context.folder.name}-{trial}"
    trained, of_models = (_at_home(one, context) for one in (found.config, context.config))
    return TrainingSource(trained, name, of_models, context.folder.root)


def _at_home(config: Config, context: StudyContext) -> Config:
    """Name the study's mined pairs and its cache, which lie in its folder."""
    changes: dict[str, object] = {
        "resources/cache": str(context.folder.cache(context.config)),
        "search/space": {},
        "search/points": [],
    }
    if config.data.path is None:
        changes |= {"data/path": str(Path(context.folder.mined)), "data/mine": []}
    return with_overrides(config, changes)
