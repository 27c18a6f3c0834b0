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
from tune_spaces.reproduction.outcome import PaperComparison
from tune_spaces.reproduction.paper import BASELINE_ROW
from tune_spaces.space.space import known_space
from tune_spaces.study.folder import StudyFolder

if TYPE_CHECKING:
    from softnce.inputs.prepared import Prepared

_BATCHES = 32
Curve = Sequence[float]


def weight_curves(
    config: Config, folder: StudyFolder, configs: Mapping[str, Config]
) -> dict[str, Curve]:
    """Return the mean weight of each query's negatives, from the most similar on.

    Means are over the queries of some random batches of the training split; InfoNCE weighs all
    negatives 1.

    Args:
        config: of the study.
        folder: of the study, which has trained its frozen models.
        configs: of the lines, by name.
    """
    import torch

    from softnce.inputs.estimators import build_estimator
    from softnce.weights.weighting import negative_weights

    prepared = _prepared(config, folder)
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
    """Return MRR over alpha, and InfoNCE's as a level line: x and y by name."""
    means = {line.key: line.mean for line in comparison.lines if line.mean is not None}
    points = [
        (float(key.removeprefix("alpha-")), mean)
        for key, mean in means.items()
        if key.startswith("alpha-")
    ]
    alphas, ours = [x for x, _ in points], [y for _, y in points]
    found: dict[str, dict[str, Curve]] = {"Soft-InfoNCE": {"x": alphas, "y": ours}}
    if BASELINE_ROW in means and alphas:
        level = means[BASELINE_ROW]
        found["InfoNCE"] = {"x": [min(alphas), max(alphas)], "y": [level, level]}
    return found


def write_figure(
    comparison: PaperComparison, curves: Mapping[str, Mapping[str, Curve]], words: Sequence[str]
) -> list[Path]:
    """Write a figure of curves into the study's folder, as a PNG and a page that holds it.

    Args:
        comparison: of the figure.
        curves: x and y by name.
        words: sentences that belong to it.
    """
    protocol, root = comparison.request.protocol, comparison.study
    image = _picture(curves, protocol.curve, "weight" if len(curves) > 2 else "test MRR")
    title = escape(f"{protocol.title} ({comparison.request.model}, {comparison.request.language})")
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


def _picture(curves: Mapping[str, Mapping[str, Curve]], across: str, up: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, curve in curves.items():
        axes.plot(curve["x"], curve["y"], marker=".", label=name)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return content.getvalue()
