"""Shows an evaluation in a terminal, and writes its per-query table."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softnce.evaluation.metric_names import EVALUATION_METRICS
from softnce.retrieval.evaluation import Comparison, Evaluation, RankerResult, Summary
from softnce.retrieval.rankers import BM25
from softnce.retrieval.ranking_table import fused_name
from softnce.whole_files import write_bytes

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = [name for name in EVALUATION_METRICS if not name.startswith("mrr")]
_NAMED_ROWS = 3  # of those left out
_LONGEST_QUERY, _LONGEST_CODE, _LINES = 200, 240, 6  # characters, and lines of a code


def show(found: Evaluation, draw: Callable[[Any], None]) -> None:
    """Draw tables of all rankers, by language where there are several, and the sentences.

    Args:
        found: the evaluation.
        draw: prints a table or a text; it makes texts safe for a terminal.
    """
    draw(facts(found))
    draw(_rankers(found))
    languages = found.results[found.model].languages
    if len(languages) > 1:
        draw(_by_language(found))
    for note in found.notes:
        draw(note)
    if found.comparison is not None:
        for line in compared(found.comparison):
            draw(line)


def facts(found: Evaluation) -> str:
    """Say what was ranked: the counts, the sample, what was taken out of codes, what is missing."""
    judged = found.judged
    queries, candidates = judged.whole
    sample = (
        f" (a sample, seed {found.seed}, of {queries:,} queries and {candidates:,} candidates: "
        "the whole set gives a lower MRR)"
        if judged.candidates < candidates
        else ""
    )
    asked = "docstrings asked" if judged.is_mined else f"queries of the split {found.split}"
    lines = [
        f"{judged.name}: {judged.queries:,} {asked}, {judged.candidates:,} candidates{sample}",
        _docstrings(found),
    ]
    lines += [f"Left out: {count:,} x {reason}" for reason, count in judged.dropped.items()]
    lines += [f"  {one}" for one in judged.examples[:_NAMED_ROWS]]
    return "\n".join(lines)


def _docstrings(found: Evaluation) -> str:
    judged = found.judged
    told = (
        f"Docstrings ({judged.docstrings}): {judged.stripped:,} of {judged.whole[1]:,} codes lost "
        f"one, or a comment, that carries a query; {judged.documented:,} stand with theirs"
    )
    if judged.docstrings == "strip":
        told = (
            f"Docstrings, and comments that carry a query: stripped from {judged.stripped:,} of "
            f"{judged.whole[1]:,} codes"
        )
    if judged.docstrings == "keep":
        told = "Codes: as they stand"
        if judged.leaks:
            told += f"; {judged.leaks:,} of {judged.whole[0]:,} queries stand word for word in "
            told += "their own answer"
    return told


def _table(*columns: str) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        if place:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    return table


def _rankers(found: Evaluation) -> "Table":
    table = _table("", "mrr", "95 % interval", *(name.replace("_at_", "@") for name in _SHOWN))
    for name in [one for one in found.results if not one.endswith(fused_name(""))]:
        for shown in filter(found.results.get, (name, fused_name(name))):
            whole = found.results[shown].whole
            metrics = [f"{whole.metrics[metric]:.4f}" for metric in _SHOWN]
            label = name if shown == name else f"  fused with {BM25}"
            table.add_row(label, *_mrr(whole), *metrics)
    return table


def _by_language(found: Evaluation) -> "Table":
    result = found.results[found.model]
    beside = [one for one in (found.bm25, found.fused) if one is not None and one is not result]
    table = _table(
        found.model, "mrr", "95 % interval", *(f"mrr of {_role(one, found)}" for one in beside),
        "queries", "candidates",
    )  # fmt: skip
    for language, own in result.languages.items():
        others = [f"{one.languages[language].mrr.mean:.4f}" for one in beside]
        table.add_row(language, *_mrr(own), *others, f"{own.queries:,}", f"{own.candidates:,}")
    if result.macro is not None:
        others = [f"{one.macro.mrr.mean:.4f}" for one in beside if one.macro is not None]
        table.add_row("macro average", *_mrr(result.macro), *others, "", "")
    return table


def _role(result: RankerResult, found: Evaluation) -> str:
    return "both fused" if result is found.fused else result.name


def _mrr(one: Summary) -> list[str]:
    return [f"{one.mrr.mean:.4f}", f"{one.mrr.low:.4f} to {one.mrr.high:.4f}"]


def compared(found: Comparison) -> Iterable[str]:
    """Tell on which queries each of two models wins, with their texts."""
    (first, second), (wins, losses) = found.names, found.wins
    yield (
        f"{first} answers {wins:,} queries better, {second} {losses:,}; {found.ties:,} alike. "
        "The largest differences:"
    )
    for one in found.top:
        yield f"\n{one.winner} wins: {_cut(' '.join(one.query.split()), _LONGEST_QUERY)}"
        for name, value, hit in zip(found.names, one.reciprocal_ranks, one.first_hits, strict=True):
            yield f"  {name} (right answer at {1 / value:g}) finds first:"
            yield _indented(hit)


def _indented(code: str) -> str:
    lines = _cut(code.strip("\n"), _LONGEST_CODE).splitlines()
    kept = lines[:_LINES] + (["..."] if len(lines) > _LINES else [])
    return "\n".join(f"    {line}" for line in kept)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest].rstrip() + " ..."


def write_out(found: Evaluation, path: Path) -> None:
    """Write the per-query table; the file appears whole or not at all.

    Raises:
        OSError: the disk refuses.
    """
    content = io.BytesIO()
    found.per_query().to_parquet(content, index=False)
    write_bytes(path, content.getvalue())
