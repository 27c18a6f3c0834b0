"""A race told from files: stages, the beaten, the failed, and what a ledger remembers."""

import numpy as np
import pytest

from softnce.errors import ConfigError, RunError
from tests.tune_spaces.confirm.test_contest import TABLE
from tune_spaces.confirm.contest import contest
from tune_spaces.confirm.ledger import note_evaluation, read_number, reads_of_the_test_split
from tune_spaces.confirm.outcome import contest_table, judged_race
from tune_spaces.confirm.race import Race
from tune_spaces.confirm.runs import FreshRun, RunsFolder
from tune_spaces.study.sizes import Sizes

SEEDS = (20_001, 20_002, 20_003, 20_004, 20_005)
QUERIES = 400
SIZES = Sizes(valid=QUERIES, test=QUERIES, candidates=1000)


@pytest.fixture
def race(tmp_path):
    return Race(contest(TABLE, candidates=2), SEEDS, RunsFolder(tmp_path / "confirm"))


def run(race, run, gain):
    """Leave what a run leaves: the same queries and seeds are alike for all sides."""
    draw = np.random.default_rng(run.seed)
    base = 0.5 + 0.2 * draw.standard_normal() * 0.01 + 0.1 * draw.standard_normal(QUERIES)
    own = np.random.default_rng([run.seed, len(run.side), ord(run.side[4])])
    folder = race.runs.folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("valid", "test"):
        np.save(folder / f"{split}.npy", base + gain + 0.002 * own.standard_normal(QUERIES))
    race.runs.end(run)


def to_the_end(race, gains, failing=()):
    ran = []
    while due := race.standing().due:
        for one in due:
            ran.append(one)
            if one.side in failing:
                race.runs.end(one, "the loss is not finite")
            else:
                run(race, one, gains.get(one.side, 0.0))
    return ran


def test_all_sides_run_the_same_seeds_stage_by_stage(race):
    first = race.standing().due
    assert {one.seed for one in first} == set(SEEDS[:2])
    assert {one.side for one in first} == {"t0005", "t0003", "t0001", "t0005-infonce"}
    ran = to_the_end(race, {"t0005": 0.02, "t0003": 0.02})
    assert len(ran) == len(set(ran)) == 4 * 5


def test_the_beaten_run_no_further_but_the_last_runs_all_its_seeds(race):
    ran = to_the_end(race, {"t0005": -0.05, "t0003": -0.1})
    seeds = {side: sum(one.side == side for one in ran) for side in race.contest.sides}
    assert seeds == {"t0005": 5, "t0003": 2, "t0001": 5, "t0005-infonce": 5}
    assert set(race.standing().dropped) == {"t0003"}


def judged(race, **options):
    settings = {"metric": "mrr", "smallest_gain": 0.005, "reads": 1, **options}
    return judged_race(race, race.standing(), SIZES, **settings)


@pytest.mark.parametrize(
    ("gain", "word"),
    [(0.02, "Better"), (-0.02, "Worse"), (0.0, "No difference worth having")],
)
def test_the_verdict_is_about_fresh_seeds_and_test_queries(race, gain, word):
    to_the_end(race, {"t0005": gain, "t0003": gain - 0.03})
    found = judged(race)
    assert found.sentence.startswith(f"{word}: t0005 (")
    assert "5 fresh seeds, 400 queries among 1,000 candidates" in found.sentence
    assert "Gain in validation as selected +0.0200" in found.sentence
    assert found.facts["verdict"] == word
    assert found.facts["gains"]["t0005"]["mean"] == pytest.approx(gain, abs=0.001)


def test_a_tuned_infonce_takes_the_gain_away(race):
    to_the_end(race, {"t0005": 0.02, "t0003": 0.02, "t0005-infonce": 0.021})
    found = judged(race)
    assert not found.sentence.startswith("Better")
    assert found.facts["opponent"] == "t0005-infonce"


def test_the_second_reading_of_the_test_split_is_said(race):
    to_the_end(race, {})
    assert "read for the" not in judged(race).sentence
    assert "test split read for the 2nd time" in judged(race, reads=2).sentence


def test_another_metric_leaves_the_selected_gain_unknown(race):
    to_the_end(race, {})
    assert "as selected not measured" in judged(race, metric="recall_at_1").sentence


def test_a_saturated_test_split_cannot_tell(race):
    to_the_end(race, {})
    for path in race.runs.root.glob("*/*.npy"):
        np.save(path, np.ones(QUERIES))
    assert judged(race).sentence.startswith("Cannot tell: the test split is saturated")


def test_a_candidate_that_fails_is_left_out_and_one_without_opponents_cannot_tell(race):
    to_the_end(race, {"t0003": 0.02}, failing=("t0005",))
    assert judged(race).facts["candidate"] == "t0003"
    assert judged(race).facts["failed"] == {"t0005": "the loss is not finite"}


def test_an_opponent_that_fails_is_named_in_the_sentence(race):
    """Better than the other opponents only: who reads the sentence alone has to know."""
    to_the_end(race, {"t0005": 0.02}, failing=("t0001",))
    found = judged(race)
    assert found.sentence.startswith("Better: t0005 (")
    told = "Left out, for a run of it failed: t0001 (InfoNCE): the loss is not finite (remove"
    assert told in found.sentence
    assert found.facts["sentence"] == found.sentence


def test_a_contest_whose_opponents_all_fail_cannot_tell(race):
    to_the_end(race, {}, failing=("t0001", "t0005-infonce"))
    assert judged(race).sentence.startswith("Cannot tell: the runs with fresh seeds failed. t0001")


def test_what_has_ended_is_not_due_again_and_what_lost_its_scores_is(race):
    to_the_end(race, {})
    assert not race.standing().due
    one = FreshRun("t0005", SEEDS[0])
    (race.runs.folder(one) / "test.npy").unlink()
    assert race.standing().due == [one]


@pytest.mark.parametrize(
    "content",
    [None, np.ones(QUERIES - 1), np.full(QUERIES, np.nan), np.ones((2, QUERIES)), np.arange(3)],
    ids=["torn", "other queries", "nan", "two rows", "integers"],
)
def test_damaged_scores_are_named(race, content):
    to_the_end(race, {})
    path = race.runs.folder(FreshRun("t0005", SEEDS[1])) / "test.npy"
    if content is None:
        path.write_bytes(b"torn")
    else:
        np.save(path, content)
    with pytest.raises(RunError, match="softnce confirm makes it anew"):
        judged(race)


def test_every_side_has_a_line_with_what_it_reached(race):
    to_the_end(race, {"t0005": -0.05, "t0003": -0.1})
    assert contest_table(judged(race)).row_count == 4


def test_to_go_on_is_no_new_reading_and_anything_else_is(tmp_path):
    assert reads_of_the_test_split(tmp_path) == 0
    assert [read_number(tmp_path, what) for what in ("a", "a", "b", "a", "c")] == [1, 1, 2, 1, 3]
    assert reads_of_the_test_split(tmp_path) == 3


def test_a_damaged_ledger_is_not_begun_anew(tmp_path):
    (tmp_path / "ledger.json").write_text("{")
    with pytest.raises(ConfigError, match="nobody knows how often the test split was read"):
        read_number(tmp_path, "a")


def test_an_evaluation_on_the_studys_own_test_split_counts_once(tmp_path):
    study, reads = tmp_path / "mine", tmp_path / "mine" / "confirm"
    study.mkdir()
    (study / "config.yaml").write_text(f"data: {{path: {tmp_path / 'pairs'}}}\n")
    (study / "champion.txt").write_text("t0003")
    for pairs in ("others", "pairs", "pairs", "pairs/test.jsonl.gz"):
        note_evaluation(study, tmp_path / pairs)
    assert reads_of_the_test_split(reads) == 1
    (study / "champion.txt").write_text("t0004")
    note_evaluation(study, tmp_path / "pairs")
    assert reads_of_the_test_split(reads) == 2
