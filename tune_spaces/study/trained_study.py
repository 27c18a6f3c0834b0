"""What a study's folder tells of the frozen models that the study has trained."""

from pathlib import Path

from softnce.config.file import load_config
from softnce.diagnostics.trained_models import TrainedStudy
from softnce.errors import ConfigError
from tune_spaces.study.fingerprint import FINGERPRINT, stored_fingerprint


def trained_study(study: Path) -> TrainedStudy:
    """Read from a study's folder what the names of its frozen models follow from.

    Args:
        study: its folder.

    Raises:
        ConfigError: it is not a study's folder, or its files are damaged.
    """
    config = study / "config.yaml"
    if not (config.is_file() and (study / FINGERPRINT).is_file()):
        raise ConfigError(
            f"--study {study}: not a study's folder, config.yaml or study.json is not in it",
            "name the folder that softnce search wrote",
        )
    stored = stored_fingerprint(study)
    try:
        data, weights = str(stored["data"]), dict(stored.get("weights", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{study / FINGERPRINT}: damaged, so the study's models cannot be found",
            "restore it, or leave --study out",
        ) from error
    settings = load_config(config)
    return TrainedStudy(settings, data, weights, settings.resources.cache_in(study))
