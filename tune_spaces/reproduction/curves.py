"""The curves of the paper's figures: weights by rank, MRR by alpha; drawn as PNG and HTML."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from softnce.config.config import Config
from softnce.data.batching import epoch_batches
from softnce.whole_files import write_bytes, write_text
from tune_spaces.reproduction.outcome import Line, PaperComparison
from tune_spaces.reproduction.paper import BASELINE_ROW
from tune_spaces.space.space import known_space
from tune_spaces.study.folder import StudyFolder

if TYPE_CHECKING:
    from softnce.inputs.prepared import Prepared

_BATCHES = 32
_HEIGHTS = {"weight": "mean weight", "mrr": "test MRR (mean, and deviation over seeds)"}
Curve = Sequence[float]


def weight_curves(
    config: Config, folder: StudyFolder, configs: Mapping[str, Config]
) -> dict[str, Curve] | None:
    """Return the mean weight of each query's negatives, from the most similar on.

    Means are over the queries of some random batches of the training split; InfoNCE weighs all
    negatives 1. None: a frozen model has left the cache.

    Args:
        config: of the study.
        folder: of the study, which has trained its frozen models.
        configs: of the lines, by name.
    """
    import torch

    from softnce.inputs.estimators import build_estimator
    from softnce.inputs.frozen_models import is_cached
    from softnce.weights.weighting import negative_weights, renormalised

    prepared = _prepared(config, folder)
    if not all(is_cached(model, prepared) for model in prepared.vectors):
        return None
    size = config.optim.batch_size
    batches = epoch_batches(prepared.train, batch_size=size, seed=0, epoch=1)[:_BATCHES]
    curves: dict[str, Curve] = {}
    for name, one in configs.items():
        if not one.loss.spec.has_estimator:
            curves[name] = [1.0] * (size - 1)
            continue
        estimator = build_estimator(one.weights, prepared, torch.device("cpu"))
        total = np.zeros(size - 1)
        for batch in batches:
            rows = torch.from_numpy(batch)
            scores = estimator.relevance(rows, rows)
            weights = negative_weights(
                scores,
                alpha=one.weights.alpha,
                beta=one.weights.beta,
                temperature=one.weights.temperature,
                floor=one.weights.floor,
            )
            weights = renormalised(weights) if one.weights.renormalise else weights
            own = torch.eye(size, dtype=torch.bool)
            order = scores.masked_fill(own, -torch.inf).argsort(dim=1, descending=True)
            total += weights.gather(1, order)[:, :-1].double().mean(dim=0).numpy()
        curves[name] = [float(mean) for mean in total / len(batches)]
    return curves


def _prepared(config: Config, folder: StudyFolder) -> "Prepared":
    """Open the inputs of a study that has run, its frozen models' vectors among them."""
    from softnce.inputs.frozen_models import FROZEN_MODELS, vectors_key
    from softnce.inputs.pairs import pairs_of
    from softnce.inputs.prepare import prepare

    models, cache = known_space(config).models(), config.resources.cache_in(folder.root)
    found = prepare(config, pairs_of(config.data), cache, tell=lambda _: None, models=models)
    keys = {one: vectors_key(one, config, found) for one in FROZEN_MODELS if one in models}
    return replace(found, vectors=keys)


def alpha_curve(comparison: PaperComparison) -> dict[str, dict[str, Curve]]:
    """Return MRR over alpha, and InfoNCE's as a level line; none before any point.

    Returns:
        By name: x, y, and deviation over seeds where there are two or more.
    """
    lines = [line for line in comparison.lines if line.mean is not None]
    points = [line for line in lines if line.key.startswith("alpha-")]
    if not points:
        return {}
    alphas = [float(line.key.removeprefix("alpha-")) for line in points]
    found = {"Soft-InfoNCE": _means(alphas, points)}
    for line in lines:
        if line.key == BASELINE_ROW:
            found["InfoNCE"] = _means([min(alphas), max(alphas)], [line, line])
    return found


def _means(places: Curve, lines: Sequence[Line]) -> dict[str, Curve]:
    means = {"x": places, "y": [line.mean for line in lines if line.mean is not None]}
    spreads = [line.spread for line in lines if line.spread is not None]
    return means | ({"deviation": spreads} if len(spreads) == len(lines) else {})


def write_figure(
    comparison: PaperComparison, curves: Mapping[str, Mapping[str, Curve]], words: Sequence[str]
) -> list[Path]:
    """Write a figure of curves into the study's folder, as a PNG and a page that holds it.

    Args:
        comparison: of the figure.
        curves: x, y and, where it is known, deviation by name.
        words: sentences that belong to it.
    """
    protocol, root = comparison.request.protocol, comparison.study
    named = comparison.request.title
    image = _picture(curves, named, (protocol.curve, _HEIGHTS[protocol.unit]))
    title = escape(named)
    drawn = base64.b64encode(image).decode()
    said = "".join(f"<p>{escape(one)}</p>" for one in words)
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<h1>{title}</h1><img alt="curves" src="data:image/png;base64,{drawn}">{said}</html>\n'
    )
    picture, html = (root / f"{comparison.request.table}.{kind}" for kind in ("png", "html"))
    write_bytes(picture, image)
    write_text(html, page)
    return [picture, html]


def _picture(
    curves: Mapping[str, Mapping[str, Curve]], title: str, axes_named: tuple[str, str]
) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(curve["x"], curve["y"], marker=".", label=name)
        if "deviation" in curve:
            means, reach = np.array(curve["y"]), np.array(curve["deviation"])
            axes.fill_between(curve["x"], means - reach, means + reach, alpha=0.15)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(axes_named[0])
    axes.set_ylabel(axes_named[1])
    axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return content.getvalue()
