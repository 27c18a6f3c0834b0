"""A plan as a person reads it."""

from typing import Any

from tune_spaces.planning.estimates import QUERY_SD, SAME_SEED_SD
from tune_spaces.planning.plan import SearchPlan


def plan_lines(plan: SearchPlan) -> list[tuple[str, str]]:
    """Return what a plan says, line by line: what, and how much."""
    facts = plan.facts()
    stopped = duration(facts["seconds"])
    return [
        ("trials", f"{facts['trials']}, {facts['trials_at_once']} at once"),
        ("a whole trial", f"{duration(facts['trial_seconds'])}: {_trial(plan)}"),
        ("time", f"{stopped}, of which {_parts(facts)}"),
        ("  without early stopping", duration(facts["seconds_without_early_stopping"])),
        ("GPU hours", f"{facts['gpu_hours']:.3g}{_price(facts)}"),
        ("disk", f"{facts['disk_gb']:.2g} GB at most"),
        (
            "memory",
            f"{facts['memory_gb']:.2g} GB, {facts['memory_gb_per_trial']:.2g} GB for each trial",
        ),
        ("confirmation", _confirmation(plan, facts)),
        ("smallest gain shown", _gain(facts)),
    ]


def assumptions(plan: SearchPlan) -> str:
    """Return what the estimates rest on besides what was measured."""
    size = plan.size
    return (
        f"Measured: steps of {' and '.join(plan.losses)} after a warm-up, and one evaluation, "
        f"with {plan.place} as busy as it is now. Assumed: early stopping leaves "
        f"{plan.epochs:.2g} of {size.epochs} epochs to a trial; nobody is beaten before the last "
        f"seed; two losses at one seed differ by sd {SAME_SEED_SD:g} over seeds and "
        f"{QUERY_SD:.3f} over queries, as measured on a small encoder."
    )


def duration(seconds: float) -> str:
    """Say how long something takes.

    >>> duration(0.42), duration(47), duration(150), duration(9000), duration(400_000)
    ('0.4 s', '47 s', '2.5 min', '2.5 h', '4.6 days')
    """
    for most, unit, name in ((10, 1, ""), (90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds:.1f} s" if not name else f"{_short(seconds / unit)} {name}"
    return f"{seconds / 86400:.1f} days"


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"


def _trial(plan: SearchPlan) -> str:
    rates, size = plan.rates, plan.size
    return (
        f"{size.epochs} epochs of {size.steps} steps of {rates.step * 1000:.3g} ms, evaluations "
        f"of {rates.evaluation:.2g} s"
    )


def _parts(facts: dict[str, Any]) -> str:
    parts = [f"preparation {duration(facts['preparation_seconds'])}"]
    if facts["model_seconds"]:
        parts.append(f"frozen models {duration(facts['model_seconds'])}")
    if facts["confirms"]:
        parts.append(f"confirmation {duration(facts['confirm_seconds'])}")
    return ", ".join(parts)


def _price(facts: dict[str, Any]) -> str:
    return "" if facts["usd"] is None else f", {facts['usd']:.2f} US dollars"


def _confirmation(plan: SearchPlan, facts: dict[str, Any]) -> str:
    if not plan.size.confirm_runs:
        return "none: nothing to compare, or too few test queries"
    how = "the end of the search" if facts["confirms"] else "on request: softnce confirm"
    return (
        f"{duration(facts['confirm_seconds'])}, {plan.size.confirm_runs} runs on "
        f"{facts['confirm_seeds']} fresh seeds ({how})"
    )


def _gain(facts: dict[str, Any]) -> str:
    if facts["smallest_gain_shown"] is None:
        return "none: the test split is too small"
    return (
        f"+{facts['smallest_gain_shown']:.4f} MRR with 80 % power, by {facts['confirm_seeds']} "
        f"seeds and {facts['test_queries']:,} test queries"
    )
