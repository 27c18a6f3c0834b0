"""What a checkpoint's manifest vouches for; whoever only looks at checkpoints needs no torch."""

import hashlib
import json
from pathlib import Path
from typing import Any

from softnce.checkpoints.retention import checkpoints, epoch_name, needless_to_use, remove

MANIFEST = "manifest.json"
TENSORS = ("model", "optimizer", "random")  # the files of a checkpoint, each .safetensors


def best_checkpoint(folder: Path) -> Path | None:
    """Return the folder that holds the best epoch's weights, if it is intact."""
    for path in reversed(checkpoints(folder)):
        progress = verified_progress(path)
        if progress is None:
            continue
        best = folder / epoch_name(progress["best_epoch"])
        return best if verified_progress(best) is not None else None
    return None


def complete_checkpoint(folder: Path) -> Path | None:
    """Return the best checkpoint of a run that has done all its epochs, if all is intact."""
    newest = checkpoints(folder)[-1:]
    progress = verified_progress(newest[0]) if newest else None
    history = [] if progress is None else progress["history"]
    if not history or not history[-1].get("finished"):
        return None
    return best_checkpoint(folder)


def verified_progress(path: Path) -> dict[str, Any] | None:
    """Return a checkpoint's progress if it and every file match their digests, else None."""
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        digests, progress = dict(manifest["sha256"]), dict(manifest["progress"])
        if digests.pop("progress") != progress_digest(progress):
            return None
        if path.name != epoch_name(progress["epoch"]) or progress["best_epoch"] > progress["epoch"]:
            return None
        if digests.keys() != {f"{part}.safetensors" for part in TENSORS}:
            return None
        present = {name: digest for name, digest in digests.items() if (path / name).exists()}
        if "model.safetensors" not in present:
            return None
        intact = all(file_digest(path / name) == digest for name, digest in present.items())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return progress if intact else None


def keep_weights_only(folder: Path) -> None:
    """Free what only a resume would need: of a run that ended, the best weights remain."""
    best = best_checkpoint(folder)
    if best is not None:
        remove(needless_to_use(best))


def progress_digest(progress: dict[str, Any]) -> str:
    """Return the SHA-256 of a progress as JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(progress, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
