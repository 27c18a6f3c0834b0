"""Where a configuration comes from: a YAML file, or a preset by its name."""

from importlib.resources import as_file, files
from pathlib import Path

from softnce.errors import ConfigError


def config_path(config: str | None) -> Path:
    """Find the configuration: a file, or the preset of that name.

    Raises:
        ConfigError: it is neither.
    """
    if config is not None and (config.endswith((".yaml", ".yml")) or Path(config).is_file()):
        return Path(config)
    presets = files("tune_spaces.space") / "presets"
    name = config or "quick"
    with as_file(presets / f"{name}.yaml") as path:
        if path.exists():
            return path
    known = ", ".join(sorted(Path(one.name).stem for one in presets.iterdir()))
    raise ConfigError(
        f"{name}: neither a YAML file nor a preset", f"choose one of the presets: {known}"
    )


def source_name(path: Path, data: str | None) -> str:
    """Name a study after its configuration file; with a preset, after its data too."""
    is_preset = path.parent.name == "presets"
    return f"{path.stem}-{Path(data).stem}" if is_preset and data else path.stem
