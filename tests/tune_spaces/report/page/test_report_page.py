"""The page of a study: whole, harmless whatever its texts hold, made anew only where it must be."""

import json
import re
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from softnce.config.file import with_overrides
from softnce.data.pairs import read_pairs
from tests.told_studies import QUERIES, confirm_told, told_config, told_study
from tune_spaces.report.facts import study_facts
from tune_spaces.report.figures.evidence import winners_curse
from tune_spaces.report.page.changed import changed_texts
from tune_spaces.report.page.report_page import made_report
from tune_spaces.report.page.sections import configuration

EVIL = (
    '</pre></script><script>document.title="owned"</script><img src=x onerror="alert(1)"> '
    "& **b** | $x^2$ \x1b[2J\u202e 日本語 עברית <b>bold</b>"
)


class Tags(HTMLParser):
    """Counts elements, and collects attributes that could run something."""

    def __init__(self):
        super().__init__()
        self.counts, self.running = Counter(), []

    def handle_starttag(self, tag, attributes):
        self.counts[tag] += 1
        self.running += [name for name, _ in attributes if name.startswith("on")]


def tags(page):
    found = Tags()
    found.feed(page.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A confirmed study whose queries, codes and failures hold html, commands and many scripts."""
    folder = tmp_path_factory.mktemp("evil")
    rows = [
        {"id": f"f{n}", "query": f"query {n} {EVIL}", "code": f"value_{n} = {EVIL!r}"}
        for n in range(QUERIES)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    data = folder / "data"
    data.mkdir()
    for part in ("train", "valid", "test", "codebase"):
        (data / f"{part}.jsonl").write_text(lines)
    pairs = read_pairs(data)
    assert len(pairs.valid.texts) == QUERIES
    states = ["complete", "complete", "complete", "pruned", "failed"]
    config = told_config(data)
    study = told_study(
        folder / "名前 <b>", 40, config=config, states=states, errors=[EVIL], digest=pairs.digest
    )
    confirm_told(study)
    return study


@pytest.fixture(scope="module")
def page(evil):
    return made_report(evil, study_facts(evil)).page


def test_no_text_of_a_study_becomes_markup(page):
    found = tags(page)
    assert found.counts["script"] == 3  # data, plotly, ours
    assert found.counts["img"] == found.counts["b"] == found.counts["iframe"] == 0
    assert found.running == []
    text = page.read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text


def test_the_queries_that_changed_most_stand_there_with_their_code(page):
    text = page.read_text(encoding="utf-8")
    assert "The queries that changed most" in text
    assert text.count("value_") >= 10
    assert "query 1" in text
    assert "of the validation split</td>" not in text  # as where the data cannot be read


def test_a_page_that_may_tell_no_texts_tells_rows_alone(evil):
    config = with_overrides(evil.config, {"tracking/query_texts": False})
    told, untold = (
        changed_texts(study, study_facts(evil)) for study in (evil, replace(evil, config=config))
    )
    assert [one.found for one in untold] == [one.found for one in told]
    assert all("query" in one.query and one.code for one in told)
    assert not any(one.query or one.code for one in untold)


def test_pictures_lie_beside_the_page(page):
    pictures = sorted(path.stem for path in page.parent.glob("figures/*.png"))
    assert {"best-so-far", "winners-curse", "learning-curves"} <= set(pictures)


def test_a_page_is_made_anew_only_where_the_study_has_changed(evil, page):
    before = page.stat()
    made_report(evil, study_facts(evil))
    assert page.stat().st_mtime_ns == before.st_mtime_ns
    assert page.stat().st_ino == before.st_ino
    (page.parent / "baselines.json").unlink()
    made_report(evil, study_facts(evil))
    assert page.stat().st_ino != before.st_ino


def test_data_that_are_no_longer_the_studys_lend_no_texts(tmp_path):
    study = told_study(tmp_path / "moved", 12)  # its pairs.jsonl is nowhere
    confirm_told(study)
    text = made_report(study, study_facts(study)).page.read_text(encoding="utf-8")
    assert text.count("of the validation split</td>") == 10


@pytest.mark.parametrize(
    ("trials", "states", "said"),
    [
        (0, (), "no trial yet"),
        (1, ["complete"], "nothing to compare"),
        (3, ["failed"], "Every trial failed"),
        (3, ["failed"], "softnce logs odd t0000   # why it failed"),
        (3, ["failed"], "<li>Learning curves: No trial has finished an epoch yet.</li>"),
        (4, ["complete", "interrupted"], "2 interrupted"),
    ],
)
def test_a_study_that_has_hardly_begun_or_failed_has_a_page(tmp_path, trials, states, said):
    study = told_study(tmp_path / "odd", trials, states=states, errors=[EVIL])
    made = made_report(study, study_facts(study))
    assert said in made.page.read_text(encoding="utf-8")
    assert tags(made.page).running == []


def test_a_study_whose_trials_were_scored_on_the_test_split_is_not_to_be_confirmed(tmp_path):
    scored = told_config(search={"score_test": True})
    texts = []
    for config in (told_config(), scored):
        facts = study_facts(told_study(tmp_path / f"名 {len(texts)}", 4, config=config))
        texts.append([facts.sentence, winners_curse(facts).missing, configuration(facts)])
    assert all(re.search(r"softnce confirm ('|&#x27;)名 0", text) for text in texts[0])
    assert not any("softnce confirm" in text for text in texts[1])
    assert "all of them were scored on the test split" in texts[1][0]


@pytest.mark.long
def test_2000_trials_make_a_page_below_10_megabytes(tmp_path):
    states = ["complete", "pruned", "pruned", "failed"]
    study = told_study(tmp_path / "large", 2000, states=states, errors=[EVIL])
    confirm_told(study)
    made = made_report(study, study_facts(study))
    assert made.page.stat().st_size < 10_000_000
    assert "1,975 more trials" in made.page.read_text(encoding="utf-8")


@pytest.mark.long
def test_a_browser_draws_every_figure_and_runs_no_text(page, chromium):
    dom = subprocess.run(
        [*chromium, "--virtual-time-budget=10000", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    places = page.read_text(encoding="utf-8").count('<div class="panel" ')
    assert dom.count('class="panel js-plotly-plot"') == places >= 9
    assert "<title>softnce: study" in dom  # not "owned"
    assert "&lt;b&gt;bold" in dom
