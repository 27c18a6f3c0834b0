"""What a search takes, as pure functions of measured rates and of the study's numbers."""

import math
from dataclasses import dataclass

from softnce.evidence.paired import showable

SAME_SEED_SD = 0.0008  # of the difference of two losses at one seed, over seeds (static encoder)
QUERY_SD = 0.0017 * math.sqrt(1979)  # of a query's paired difference: its mean over 1,979 has .0017
_ERROR = 0.025  # one-sided, of all candidates together
_SESSION_STARTS, _MODEL_STARTS, _CONFIRM_STARTS = 3, 2, 1  # in start-ups of one process


@dataclass(frozen=True, slots=True)
class Rates:
    """What was measured; seconds unless told otherwise.

    Attributes:
        step: one training step.
        evaluation: one evaluation as trials have it.
        checkpoint: writing one.
        setup: from a trial's process to its first step.
        start: from nothing to a process that can train.
        preparation: reading or mining the pairs, tokens, baselines.
        checkpoint_bytes: of one, with the optimizer's state.
        prepared_bytes: of the shared inputs.
        memory_gb: peak of one training process.
    """

    step: float
    evaluation: float
    checkpoint: float
    setup: float
    start: float
    preparation: float
    checkpoint_bytes: int
    prepared_bytes: int
    memory_gb: float


@dataclass(frozen=True, slots=True)
class StudySize:
    """How much a study does.

    Attributes:
        trials: of the study.
        spared: of these, first points, which early stopping spares.
        epochs: of a whole trial.
        steps: of an epoch.
        evaluate_every: epochs from one evaluation to the next.
        at_once: trials that run at the same time.
        gpus: that a trial reserves.
        model_epochs: of the frozen models together.
        model_encodings: encoding all that they encode, in evaluations of a trial.
        confirm_runs: of the confirmation, if nobody is beaten.
        exact_evaluations: scoring both splits exactly, in evaluations of a trial.
        kept: trials whose weights are kept.
        starts_per_trial: start-ups of processes before a trial trains; 0 where one is reused.
    """

    trials: int
    spared: int
    epochs: int
    steps: int
    evaluate_every: int = 1
    at_once: int = 1
    gpus: float = 0.0
    model_epochs: int = 0
    model_encodings: float = 0.0
    confirm_runs: int = 0
    exact_evaluations: float = 2.0
    kept: int = 3
    starts_per_trial: int = 0


def expected_epochs(epochs: int, grace: int, reduction: float) -> float:
    """Return the epochs that a trial runs on average where one in ``reduction`` goes on at a rung.

    >>> expected_epochs(4, grace=2, reduction=2), expected_epochs(4, grace=4, reduction=3)
    (3.0, 4.0)
    """
    done, share, rung = 0.0, 1.0, float(grace)
    while rung < epochs:
        done += share * (rung - done_before(rung, grace, reduction))
        share, rung = share / reduction, rung * reduction
    return done + share * (epochs - done_before(rung, grace, reduction))


def done_before(rung: float, grace: int, reduction: float) -> float:
    """Return the rung below, 0 below the first."""
    return 0.0 if rung <= grace else rung / reduction


def trial_seconds(rates: Rates, size: StudySize, epochs: float) -> float:
    """Return how long a trial of so many epochs takes in its process."""
    evaluations = epochs / size.evaluate_every
    own = rates.setup + size.starts_per_trial * rates.start
    return (
        own
        + epochs * (size.steps * rates.step + rates.checkpoint)
        + (evaluations * rates.evaluation)
    )


def search_seconds(rates: Rates, size: StudySize, epochs: float) -> float:
    """Return how long the trials take, where those that are not spared run so many epochs.

    Args:
        rates: measured.
        size: of the study.
        epochs: of a trial that may be stopped early, on average.
    """
    whole = trial_seconds(rates, size, size.epochs)
    spared = min(size.spared, size.trials)
    total = spared * whole + (size.trials - spared) * trial_seconds(rates, size, epochs)
    return rates.start + max(whole, total / size.at_once)


def model_seconds(rates: Rates, size: StudySize) -> float:
    """Return how long the frozen models take: each trains once, before the trials."""
    if not size.model_epochs:
        return 0.0
    trained = trial_seconds(rates, size, size.model_epochs)
    return _MODEL_STARTS * rates.start + trained + size.model_encodings * rates.evaluation


def confirm_seconds(rates: Rates, size: StudySize) -> float:
    """Return how long the confirmation takes, if nobody is beaten before its last seed."""
    if not size.confirm_runs:
        return 0.0
    run = trial_seconds(rates, size, size.epochs) + size.exact_evaluations * rates.evaluation
    return _CONFIRM_STARTS * rates.start + run * math.ceil(size.confirm_runs / size.at_once)


def opening_seconds(rates: Rates) -> float:
    """Return how long it takes until something trains: MLflow, the data, Ray."""
    return _SESSION_STARTS * rates.start + rates.preparation


def gpu_hours(rates: Rates, size: StudySize, epochs: float, *, is_confirmed: bool) -> float:
    """Return the GPU hours of a study: seconds of running trials times the GPUs of each."""
    spared = min(size.spared, size.trials)
    seconds = spared * trial_seconds(rates, size, size.epochs)
    seconds += (size.trials - spared) * trial_seconds(rates, size, epochs)
    seconds += model_seconds(rates, size)
    if is_confirmed:
        run = trial_seconds(rates, size, size.epochs) + size.exact_evaluations * rates.evaluation
        seconds += size.confirm_runs * run
    return seconds * size.gpus / 3600


def disk_bytes(rates: Rates, size: StudySize) -> int:
    """Return the most bytes that a study holds: inputs, kept trials, and those that run."""
    checkpoints = size.kept + 2 * size.at_once + size.confirm_runs + 1
    return rates.prepared_bytes + checkpoints * rates.checkpoint_bytes


def smallest_gain(
    seeds: int,
    queries: int,
    *,
    candidates: int = 1,
    seed_sd: float = SAME_SEED_SD,
    query_sd: float = QUERY_SD,
) -> float:
    """Return the smallest true gain that a confirmation would show with 80 % power.

    Args:
        seeds: fresh ones; 1 says nothing, and gives inf.
        queries: of the test split; as with seeds.
        candidates: that are judged together, as Holm's first step does it.
        seed_sd: of the paired difference over seeds.
        query_sd: of a query's paired difference.
    """
    if min(seeds, queries) < 2:
        return math.inf
    of_seeds, of_queries = seed_sd**2 / seeds, query_sd**2 / queries
    variance = of_seeds + of_queries
    freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_queries**2 / (queries - 1))
    freedom = 1.0 if seeds == 2 else freedom  # as a verdict counts two seeds
    return showable(_ERROR / candidates, math.sqrt(variance), freedom)
