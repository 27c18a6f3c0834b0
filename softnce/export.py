"""A trained encoder as a plain sentence-transformers folder: usable without softnce."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from softnce.whole_files import beside, replace_folder

if TYPE_CHECKING:
    from softnce.encoders.encoder import Encoder

CARD = "README.md"
UNKNOWN_LICENCE = "unknown"
TITLE = "A code-search encoder trained by softnce"
_ROW = re.compile(r"^\| (.*?) \| (.*) \|$", re.MULTILINE)
_LOADING = """\
```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder")
queries = model.encode_query(["read a csv file"])
codes = model.encode_document(["def read(path):\\n    return open(path).read()"])
scores = model.similarity(queries, codes)
```"""


def export(
    encoder: "Encoder",
    folder: Path,
    card: Mapping[str, str],
    files: Mapping[str, str] | None = None,
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
        texts = {**encoder.side_files(), **(files or {}), CARD: model_card(card)}
        for name, text in texts.items():
            (building / name).write_text(text, encoding="utf-8")
        building.chmod(0o755)
        replace_folder(folder, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return folder


def model_card(facts: Mapping[str, str], *, licence: str = UNKNOWN_LICENCE) -> str:
    """Return the README of a model folder, with the metadata that the Hugging Face hub reads.

    Args:
        facts: what a reader should know, in order; ``base model`` goes into the metadata, too.
        licence: as the hub names it, for example apache-2.0.
    """
    rows = "\n".join(f"| {name} | {_cell(value)} |" for name, value in facts.items())
    base = facts.get("base model", "")
    return (
        f"---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\n"
        f"license: {licence}\n"
        + (f"base_model: {base}\n" if re.fullmatch(r"[\w.-]+/[\w.-]+", base) else "")
        + "tags: [sentence-transformers, code-search, soft-infonce]\n---\n"
        f"# {TITLE if facts.keys() & {'study', 'loss'} else 'A text encoder'}\n\n"
        f"{_LOADING}\n\n| | |\n|---|---|\n{rows}\n"
    )


def card_facts(card: str) -> dict[str, str]:
    r"""Read the facts back from a card that ``model_card`` wrote; none from another.

    >>> card_facts(model_card({"loss": "InfoNCE", "verdict": "a | b"}))
    {'loss': 'InfoNCE', 'verdict': 'a | b'}
    """
    _, found, table = card.partition("\n| | |\n|---|---|\n")
    return {name: value.replace(r"\|", "|") for name, value in _ROW.findall(table) if found}


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", r"\|")
