"""A trained encoder as a plain sentence-transformers folder: usable without softnce."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from softnce.encoders.encoder import Encoder


def export(encoder: Encoder, folder: Path, card: Mapping[str, str]) -> Path:
    """Write the model so that ``SentenceTransformer(folder)`` loads it, replacing a former one.

    Args:
        encoder: trained.
        folder: appears whole or not at all.
        card: facts for the model card, in order.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    model = encoder.sentence_transformer().eval()
    model.save(str(building), create_model_card=False, safe_serialization=True)
    (building / "README.md").write_text(_card(card), encoding="utf-8")
    building.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
    building.rename(folder)
    return folder


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
