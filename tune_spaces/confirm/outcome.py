"""What a confirmation has found: the verdict, and every configuration's part in it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from softnce.evidence.judgement import Judgement, judge
from softnce.evidence.verdict import Findings, doubt, verdict
from tune_spaces.confirm.race import Race, Standing
from tune_spaces.study.sizes import Sizes


@dataclass(frozen=True, slots=True)
class SideResult:
    """What a configuration has reached.

    Attributes:
        name: of the configuration.
        title: with its loss.
        selected: validation metric as selected; None where it was no trial.
        fresh: mean reciprocal rank in validation over the fresh seeds.
        test: that on the test split.
        seeds: that it has run.
        note: opponent, champion of the search, or who beat it.
    """

    name: str
    title: str
    selected: float | None
    fresh: float
    test: float
    seeds: int
    note: str


@dataclass(frozen=True, slots=True)
class JudgedRace:
    """What a confirmation has found.

    Attributes:
        sentence: the verdict with the gains beside it.
        facts: all of it as plain values.
        sides: what each configuration has reached.
    """

    sentence: str
    facts: Mapping[str, Any]
    sides: Sequence[SideResult]


def judged_race(
    race: Race, standing: Standing, sizes: Sizes, *, metric: str, smallest_gain: float, reads: int
) -> JudgedRace:
    """Judge a race that is over.

    Args:
        race: whose runs have all ended.
        standing: how it ended.
        sizes: of the study's data.
        metric: that the search maximised.
        smallest_gain: worth having, in MRR.
        reads: which reading of the test split this is.
    """
    contest = standing.contest
    if not contest.opponents:
        reasons = "; ".join(f"{name}: {why}" for name, why in standing.failed.items())
        told = f"Cannot tell: the runs with fresh seeds failed. {reasons}{_try_again(race)}"
        return JudgedRace(told, {}, [])
    test, valid = race.scores(contest, "test"), race.scores(contest, "valid")
    judged = judge(test, contest.opponents, dropped=standing.dropped)
    first = judged[0]
    common = slice(min(len(test[first.candidate]), len(test[first.opponent])))
    sides = race.contest.sides
    fresh = valid[first.candidate][common] - valid[first.opponent][common]
    found = Findings(
        candidate=sides[first.candidate].title,
        opponent=sides[first.opponent].title,
        gain=first.gain,
        candidate_mean=float(test[first.candidate][common].mean()),
        opponent_mean=float(test[first.opponent][common].mean()),
        pool=sizes.candidates,
        selected_gain=_selected_gain(race, first) if metric == "mrr" else None,
        fresh_gain=float(fresh.mean()),
        test_reads=reads,
    )
    said = verdict(found, smallest_gain=smallest_gain)
    sentence = f"{said}{_left_out(race, standing)}"
    results = [_result(race, standing, name, valid[name], test[name]) for name in test]
    facts = {
        "verdict": str(said.word),
        "sentence": sentence,
        "candidate": first.candidate,
        "opponent": first.opponent,
        "gains": {
            one.candidate: {**_plain(one), "opponents": list(contest.opponents[one.candidate])}
            for one in judged
        },
        "configurations": [asdict(one) for one in results],
        "failed": dict(standing.failed),
        "test_queries": sizes.test,
        "candidates": sizes.candidates,
        "smallest_gain": smallest_gain,
        "reads_of_the_test_split": reads,
    }
    return JudgedRace(sentence, facts, results)


def _left_out(race: Race, standing: Standing) -> str:
    """Name who failed: without one of its opponents a candidate has less to beat."""
    if not standing.failed:
        return ""
    told = "; ".join(
        f"{race.contest.sides[name].title}: {why}" for name, why in standing.failed.items()
    )
    return f" Left out, for a run of it failed: {told}{_try_again(race)}"


def _try_again(race: Race) -> str:
    """Say how a run that has failed is trained once more."""
    return f" (remove its folder in {race.runs.root}, and softnce confirm trains it again)."


def too_few_test_queries(sizes: Sizes) -> str:
    """Say that the test split is too small to confirm anything; empty where it is not."""
    return doubt(sizes.test, sizes.candidates, 0.0)


def contest_table(found: JudgedRace) -> Table:
    """Return what each configuration has reached, as a table."""
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("confirmed", "seeds", "selected", "fresh", "test", ""):
        if name in ("confirmed", ""):  # words give way where the terminal is narrow, figures never
            shown.add_column(name)
        else:
            shown.add_column(name, justify="right", no_wrap=True)
    for one in found.sides:
        selected = "-" if one.selected is None else f"{one.selected:.4f}"
        cells = (str(one.seeds), selected, f"{one.fresh:.4f}", f"{one.test:.4f}")
        shown.add_row(one.title, *cells, one.note)
    return shown


def _selected_gain(race: Race, first: Judgement) -> float | None:
    """Return the gain by which a candidate was selected: over the best InfoNCE found."""
    ours = race.contest.sides[first.candidate].value
    theirs = race.contest.sides[race.contest.plain].value
    return None if ours is None or theirs is None else ours - theirs


def _result(race: Race, standing: Standing, name: str, valid: Any, test: Any) -> SideResult:  # noqa: ANN401
    side = race.contest.sides[name]
    note = "" if name in race.contest.opponents else "opponent"
    if name in standing.dropped:
        note = f"beaten by {standing.dropped[name]}"
    return SideResult(
        name, side.title, side.value, float(valid.mean()), float(test.mean()), len(test), note
    )


def _plain(one: Judgement) -> dict[str, Any]:
    """Return a judgement as JSON can hold it: what is infinite is unknown."""
    gain = {
        name: None if isinstance(value, float) and abs(value) == float("inf") else value
        for name, value in asdict(one.gain).items()
    }
    return {"opponent": one.opponent, **gain}
