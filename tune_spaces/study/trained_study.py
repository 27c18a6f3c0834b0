"""What a study's folder tells of the frozen models that the study has trained."""

import json
from pathlib import Path

from softnce.config.file import load_config
from softnce.diagnostics.trained_models import TrainedStudy
from softnce.errors import ConfigError


def trained_study(study: Path) -> TrainedStudy:
    """Read from a study's folder what the names of its frozen models follow from.

    Args:
        study: its folder.

    Raises:
        ConfigError: it is not a study's folder, or its files are damaged.
    """
    config, fingerprint = study / "config.yaml", study / "study.json"
    if not (config.is_file() and fingerprint.is_file()):
        raise ConfigError(
            f"--study {study}: not a study's folder, config.yaml or study.json is not in it",
            "name the folder that softnce search wrote",
        )
    try:
        stored = json.loads(fingerprint.read_text(encoding="utf-8"))
        data, weights = str(stored["data"]), dict(stored.get("weights", {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{fingerprint}: damaged, so the study's models cannot be found"
        ) from error
    settings = load_config(config)
    return TrainedStudy(settings, data, weights, settings.resources.cache_in(study))
