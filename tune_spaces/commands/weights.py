"""The verb about estimators, which may look into a study for its trained models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from softnce.cli import phase_progress
from softnce.terminal.output import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from softnce.config.config import Config
    from softnce.data.pairs import Pair
    from softnce.diagnostics.requested import RequestedEstimators
    from softnce.diagnostics.weight_analysis import Coefficients
    from softnce.errors import ConfigError

_JUDGED = 2000  # pairs of each label: the error of an AUC is then 0.009


def weights(  # noqa: PLR0913  (what a user may set)
    data: Annotated[Path, typer.Argument(help="A folder of pairs, or a file of them.")],
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            help="bm25, bm25-official, bm25-lucene, duplicates, or mixture (equal parts of the "
            "others that are named); may be repeated; all but mixture without it."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER|ID", help="An encoder to compare with; may be repeated."),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(help="A study's folder, whose trained teacher and SimCSE are shown too."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=2, help="Number of pairs per batch.")] = 128,
    alpha: Annotated[float, typer.Option(help="Strength of the correction; 0 is InfoNCE.")] = 1.0,
    beta: Annotated[float, typer.Option(help="Mass shared by all negatives alike.")] = 1.0,
    temperature: Annotated[
        float, typer.Option(help="Relevance is divided by it: the paper's t.")
    ] = 1.0,
    scale: Annotated[
        Literal["standardised", "raw"],
        typer.Option(help="standardised: scores over their standard deviation in the batch."),
    ] = "standardised",
    floor: Annotated[float, typer.Option(min=0, max=1, help="Least weight of a negative.")] = 0.1,
    top: Annotated[int, typer.Option(min=1, max=100, help="Number of negatives to show.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder of the page and the picture.")] = Path(
        "softnce-weights"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Seed of the batches drawn.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="data.b=c", help="Change how data are read; repeatable."),
    ] = None,
    loss: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|a=b",
            help="A loss, then its settings (tilt=-3, duplicates=mask): show which negatives it "
            "masks, relieves, hardens or promotes; repeatable.",
        ),
    ] = None,
) -> None:
    """Show what each estimator does to your data: weights, suspects, agreement with people.

    Suspects are the negatives that an estimator takes for unlabelled answers.
    """
    from softnce.config.file import data_config
    from softnce.diagnostics import human_agreement, loss_settings, weight_analysis, weight_page
    from softnce.inputs.pairs import pairs_of

    config = data_config(data, settings or ())
    requested = requested_estimators(estimator, model, study)
    coefficients = weight_analysis.Coefficients(alpha, beta, temperature, floor, scale)
    changes = {**_loss_changes(loss or [], coefficients), "optim/batch_size": batch_size}
    shown = loss_settings.loss_settings(config, changes, requested) if loss else []
    loss_settings.require_all(shown if estimator else [])
    with phase_progress() as progress:
        progress("reading pairs", 0, 3)
        pairs = pairs_of(config.data)
        weight_page.open_folder(out)
        progress("weighing batches", 1, 3)
        seen = weight_analysis.views(
            pairs.train, requested, coefficients, batch_size=batch_size, most=top, seed=seed
        )
        progress("comparing with people's judgements", 2, 3)
        unseen = human_agreement.held_out(pairs) if requested.trained else ()
        judged = human_agreement.judged_pairs(data, unseen or pairs.train, most=_JUDGED, seed=seed)
        agreed = human_agreement.agreements(judged, requested, batch_size=batch_size)
        weight_page.write_page(out, data.name, seen, agreed, most=top)
    if pairs.reading.left_out:
        say(pairs.reading.left_out)
    from softnce.terminal.console import terminal

    weight_page.show(seen, agreed, most=top, draw=terminal().print)
    if shown:
        _show_loss(shown, pairs.train, requested, batch_size=batch_size, most=top, seed=seed)
    say(f"Wrote {out / weight_page.PAGE} and {out / weight_page.PICTURE}")


def _loss_changes(words: list[str], coefficients: "Coefficients") -> dict[str, Any]:
    """Return what a loss and its settings, as words name them, change in a configuration.

    Raises:
        ConfigError: a word is wrong.
    """
    from dataclasses import asdict

    import yaml

    from softnce.config.yaml_dialect import YAML_ERRORS, YamlLoader
    from softnce.errors import ConfigError

    changes: dict[str, Any] = {"loss/name": "infonce"}
    changes |= {f"weights/{name}": value for name, value in asdict(coefficients).items()}
    for word in words:
        name, equals, value = word.partition("=")
        path = f"loss/{name.removeprefix('loss.')}" if equals else "loss/name"
        try:
            changes[path] = yaml.load(value, Loader=YamlLoader) if equals else word  # noqa: S506
        except (*YAML_ERRORS, RecursionError) as error:
            raise ConfigError(f"--loss {word[:40]}: the value is not valid YAML") from error
    return changes


def _show_loss(
    settings: "Sequence[Config | ConfigError]",
    pairs: "Sequence[Pair]",
    requested: "RequestedEstimators",
    **drawn: int,
) -> None:
    """Print what a loss does to the negatives of random batches, and with whom it is refused."""
    from softnce.diagnostics.loss_effects import loss_views
    from softnce.errors import ConfigError

    for view in loss_views(pairs, requested, settings, **drawn):
        shares = ", ".join(f"{kind} {share:.2%}" for kind, share in view.shares.items())
        say(f"\n{view.loss} by {view.estimator}: {shares}; relief {view.relief:+.3f}")
        for one in view.examples:
            query, code = (" ".join(text.split())[:60] for text in (one.query, one.code))
            say(f"  {one.kind:8} x{one.factor:6.2f}  {query}  |  {code}")
    for refused in dict.fromkeys(str(one) for one in settings if isinstance(one, ConfigError)):
        say(f"\nnot shown: {refused}")


def requested_estimators(
    words: list[str] | None, models: list[str] | None, study: Path | None
) -> "RequestedEstimators":
    """Find the estimators that are requested; say which of them the study has not trained."""
    from softnce.diagnostics.requested import ALONE, RequestedEstimators, check
    from softnce.diagnostics.trained_models import trained_models
    from softnce.inputs.frozen_models import FROZEN_MODELS
    from tune_spaces.study.trained_study import trained_study

    trained = trained_models(trained_study(study)) if study else []
    missing = [name for name in FROZEN_MODELS if name not in {one.name for one in trained}]
    if study and missing:
        say(f"{study} has trained no {' and no '.join(missing)}: none of its trials uses it")
    requested = RequestedEstimators(
        tuple(dict.fromkeys(words or ALONE)), tuple(models or ()), tuple(trained)
    )
    check(requested)
    return requested
