"""A trained encoder as a plain sentence-transformers folder: usable without softnce."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from softnce.encoders.encoder import Encoder
from softnce.whole_files import beside, replace_folder


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
    building = beside(folder)
    try:
        model = encoder.sentence_transformer().eval()
        model.save(str(building), create_model_card=False, safe_serialization=True)
        for name, text in {**(files or {}), "README.md": model_card(card)}.items():
            (building / name).write_text(text, encoding="utf-8")
        building.chmod(0o755)
        replace_folder(folder, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def model_card(facts: Mapping[str, str]) -> str:
    """Return the README of a model folder.

    Args:
        facts: what a reader should know, in order.
    """
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
