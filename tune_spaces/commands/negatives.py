"""The verb that mines hard negatives for a data set."""

from pathlib import Path
from typing import Annotated

import typer

from softnce.cli import phase_progress
from softnce.terminal.output import say


def mine_negatives(  # noqa: PLR0913  (what a user may set)
    data: Annotated[Path, typer.Argument(help="A folder of pairs, or a file of them.")],
    out: Annotated[Path, typer.Option(help="The folder to write: new, or mined before.")],
    guide: Annotated[
        str, typer.Option(metavar="bm25|FOLDER|ID", help="What finds them: BM25, or an encoder.")
    ] = "bm25",
    each: Annotated[int, typer.Option(min=1, help="Number of hard negatives per query.")] = 1,
    pool: Annotated[
        int, typer.Option(min=1, help="Number of nearest functions to draw from.")
    ] = 100,
    margin: Annotated[
        float,
        typer.Option(help="Share below the own function's score from which one counts as false."),
    ] = 0.05,
    hottest: Annotated[
        float, typer.Option(help="Temperature of the first draw, in standard deviations.")
    ] = 2.0,
    coldest: Annotated[float, typer.Option(help="Temperature of the last draw.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="data.b=c", help="Change how data are read; repeatable."),
    ] = None,
) -> None:
    """Add hard negatives of a frozen guide to the training pairs, none of them a duplicate."""
    from dataclasses import asdict

    from softnce.config.file import data_config
    from softnce.inputs import hard_negatives, mined_set
    from softnce.inputs.pairs import pairs_of

    rule = hard_negatives.MiningRule(each, pool, margin, hottest, coldest, seed)
    config = data_config(data, settings or ())
    with phase_progress() as progress:
        progress("reading pairs", 0, 2)
        pairs = pairs_of(config.data)
        made_of = {"data": pairs.digest, "guide": guide, "method": "pools", **asdict(rule)}
        record = mined_set.is_made_of(out, made_of)
        if record is None:
            progress("looking for hard negatives", 1, 2)
            score = (
                hard_negatives.bm25_guide(pairs.train)
                if guide == "bm25"
                else hard_negatives.model_guide(pairs.train, guide)
            )
            found = hard_negatives.mined_negatives(pairs.train, score, rule)
            record = mined_set.write_set(pairs, found, out, made_of)
    if pairs.reading.left_out:
        say(pairs.reading.left_out)
    say(record["told"])
    say(f"Wrote {out}. Next: softnce search --set data.path={out} --set data.negatives={each}")
