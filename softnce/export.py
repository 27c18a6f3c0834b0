"""A trained encoder as a plain sentence-transformers folder: usable without softnce."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from softnce.encoders.encoder import Encoder


def export(
    encoder: Encoder, folder: Path, card: Mapping[str, str], files: Mapping[str, str] | None = None
) -> Path:
    """Write the model so that ``SentenceTransformer(folder)`` loads it, replacing a former one.

    The former one stands until its successor is whole, and again if that cannot take its place.

    Args:
        encoder: trained.
        folder: appears whole or not at all.
        card: facts for the model card, in order.
        files: texts of further files by name.

    Raises:
        OSError: the disk is full or refuses; the former model stands.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = _beside(folder)
    try:
        model = encoder.sentence_transformer().eval()
        model.save(str(building), create_model_card=False, safe_serialization=True)
        for name, text in {**(files or {}), "README.md": _card(card)}.items():
            (building / name).write_text(text, encoding="utf-8")
        building.chmod(0o755)
        _replace(folder, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def torn_exports(folder: Path) -> list[Path]:
    """List what exports to this folder left beside it when they were killed."""
    name = re.compile(rf"\.{re.escape(folder.name)}-[a-z0-9_]{{8}}")
    beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
    return sorted(one for one in beside if name.fullmatch(one.name) and one.is_dir())


def _replace(folder: Path, building: Path) -> None:
    """Let a folder take the place of another, which goes once it is replaced."""
    former = _beside(folder)
    try:
        if folder.exists():
            folder.rename(former)  # on to an empty folder
        building.rename(folder)
    except BaseException:
        if any(former.iterdir()) and not folder.exists():
            former.rename(folder)
        raise
    finally:
        shutil.rmtree(former, ignore_errors=True)


def _beside(folder: Path) -> Path:
    """Make an empty folder, hidden, on the disk of another."""
    return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))


def _card(facts: Mapping[str, str]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return (
        "---\nlibrary_name: sentence-transformers\n"
        "tags: [sentence-transformers, code-search, soft-infonce]\n---\n"
        "# A code-search encoder trained by softnce\n\n"
        "```python\nfrom sentence_transformers import SentenceTransformer\n\n"
        'model = SentenceTransformer("path/to/this/folder")\n'
        'scores = model.similarity(model.encode(["read a csv file"]), model.encode(functions))\n'
        f"```\n\n| | |\n|---|---|\n{rows}\n"
    )
