"""The verb that writes a model as a folder to give away."""

from pathlib import Path
from typing import Annotated

import typer

from softnce.terminal.output import say


def export(
    model: Annotated[
        str, typer.Argument(metavar="STUDY|MODEL", help="A study, or a model's folder or hub id.")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The folder to write: new, or exported before.")
    ],
    licence: Annotated[
        str | None,
        typer.Option("--license", metavar="ID", help="The licence of the card, as apache-2.0."),
    ] = None,
    onnx: Annotated[  # noqa: FBT002
        bool, typer.Option("--onnx", help="Add ONNX weights; needs softnce[onnx].")
    ] = False,
    allow_bin: Annotated[  # noqa: FBT002
        bool,
        typer.Option(
            "--allow-bin", help="Read weights from a .bin file, too; only tensors are read of it."
        ),
    ] = False,
) -> None:
    """Write a study's champion, or a model, as a sentence-transformers folder with a model card."""
    from softnce.terminal.progress import late_progress
    from tune_spaces.search.model_export import export_model
    from tune_spaces.sources.model import model_source

    source = model_source(model)
    with late_progress() as progress:
        progress(f"writing {source.name}", 0, 1)
        folder = export_model(source, out, licence=licence, with_onnx=onnx, allow_bin=allow_bin)
    say(f"Wrote {folder}; in Python: SentenceTransformer({str(out)!r})")
