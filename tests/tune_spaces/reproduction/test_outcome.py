"""Ours beside the paper's: from the trials of a study to a table, JSON and a figure."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from softnce.errors import DataError
from tune_spaces.reproduction.curves import alpha_curve, write_figure
from tune_spaces.reproduction.outcome import compared
from tune_spaces.reproduction.reproduce import FACTS, stored_curves, write_comparison
from tune_spaces.reproduction.reservations import differences, reservations
from tune_spaces.reproduction.setup import ReproductionRequest, study_config
from tune_spaces.reproduction.show import as_facts, as_markdown, curve_rows, sentences, shown
from tune_spaces.space.first_points import first_points
from tune_spaces.space.space import search_space
from tune_spaces.study.folder import StudyFolder
from tune_spaces.study.sizes import Sizes, store_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.trial_state import TrialState

QUERIES = 40


def told_study(request, root, *, fails=()):
    """Return configuration and folder of a study whose trials are told, and not trained.

    Every trial answers query q with reciprocal rank .5, and .1 more by each line after InfoNCE.
    """
    config = study_config(request)
    space, folder = search_space(config), StudyFolder(root, request.name)
    store = TrialStore(folder.optuna_study(), space)
    store.enqueue_once(first_points(space, "paper", 0))
    lines = len(request.protocol.rows)
    for number in range(config.search.trials):
        proposal = store.ask()
        path = folder.trial(proposal.key)
        path.mkdir(parents=True)
        noise = np.random.default_rng(number).normal(0, 0.01, QUERIES)
        if config.search.score_test:
            np.save(path / "test.npy", 0.5 + 0.1 * (number % lines) + noise)
        store.report(proposal.key, 1, 0.5)
        store.note(proposal.key, "step_seconds", 0.1 * (1 + number % lines))
        state = TrialState.FAILED if number in fails else TrialState.COMPLETE
        if number in fails:
            store.note(proposal.key, "error", "the loss is not finite")
        store.tell(proposal.key, state, 0.5)
    store_sizes(root, Sizes(valid=50, test=QUERIES, candidates=90, train=1000))
    return config, folder


def small(table, tmp_path, **changes):
    settings = {"language": "ruby", "model": "graphcodebert", "scale": "small"} | changes
    return ReproductionRequest(table=table, data=tmp_path, **settings)


def printed_text(table, width=160):
    page = io.StringIO()
    Console(file=page, width=width).print(table)
    return page.getvalue()


def test_gaps_and_gains_are_told_with_the_papers(tmp_path):
    request = small("table1", tmp_path)
    found = compared(request, *told_study(request, tmp_path / "study"))
    lines = {line.key: line for line in found.lines}
    assert lines["bm25"].paper == 0.730
    assert lines["bm25"].mean == pytest.approx(0.6, abs=0.01)
    assert lines["bm25"].gap == pytest.approx(lines["bm25"].mean - 0.730)
    assert lines["bm25"].paper_gain == pytest.approx(0.025)
    assert lines["bm25"].gain.low < 0.1 < lines["bm25"].gain.high
    assert lines["infonce"].gain is None
    assert [len(line.values) for line in found.lines] == [3] * 4
    text = printed_text(shown(found))
    assert "(graphcodebert, ruby, small scale: static encoder)" in text
    assert "0.730" in text
    assert "+0.025" in text
    assert "…" not in printed_text(shown(found), width=80)


def test_a_line_that_failed_is_named_and_its_other_seeds_count(tmp_path):
    request = small("table1", tmp_path, seeds=2)
    found = compared(request, *told_study(request, tmp_path / "study", fails=(5,)))
    lines = {line.key: line for line in found.lines}
    assert len(lines["bm25"].values) == 1
    by_seed = {line["key"]: line["by_seed"] for line in as_facts(found)["lines"]}
    assert by_seed["bm25"] == [lines["bm25"].values[0], None]
    assert None not in by_seed["infonce"]
    said = "\n".join(sentences(found))
    assert "Soft-InfoNCE, BM25: the loss is not finite" in said
    assert "7 of 8 trials are complete." in said


def test_what_cannot_be_compared_is_said(tmp_path):
    settings = ("optim.epochs=2", "resources.workers=1", "optim.max_tokens_per_pass=4096")
    request = small("fig3", tmp_path, seeds=1, settings=settings)
    found = compared(request, *told_study(request, tmp_path / "study"))
    said = " ".join(found.reservations)
    for words in (
        "small static encoder stands for graphcodebert",
        "cosines over 0.05 stand for dot products",
        "1,000 training pairs, not 24,927",
        "40 test queries among 90 functions, not 1,261 among 4,360",
        "the paper has it for python, this is ruby",
        "1 of the paper's 3 seeds",
        "settings of one's own: optim.epochs=2",
    ):
        assert words in said
    for words in ("trained model", "workers", "max_tokens_per_pass"):
        assert words not in said


def test_an_encoder_of_ones_own_is_named_by_the_end_of_its_path(tmp_path):
    request = small("table1", tmp_path, encoder="/models/minilm/model")
    assert request.title.endswith("(graphcodebert, ruby, small scale: encoder minilm/model)")
    said = reservations(request, study_config(request), None)
    assert said[0] == "a small encoder minilm/model stands for graphcodebert"


def test_at_full_scale_with_the_papers_data_only_simcses_queries_differ(tmp_path):
    request = small("table1", tmp_path, scale="full", settings=("resources.profile=a100",))
    config, folder = told_study(request, tmp_path / "study")
    store_sizes(folder.root, Sizes(valid=1400, test=1261, candidates=4360, train=24_927))
    found = compared(request, config, folder)
    assert as_facts(found)["is_comparable"]
    assert not any(one.startswith("Not comparable") for one in sentences(found))
    assert "SimCSE learns from the queries of ruby alone" in " ".join(sentences(found))


def test_a_folder_that_stands_for_the_hub_is_named_and_leaves_a_table_comparable(tmp_path):
    folder = tmp_path / "graphcodebert-base"
    folder.mkdir()
    named = (f"encoder.model={folder}", f"weights.simcse.model={folder}")
    request = small("table1", tmp_path, scale="full", settings=named)
    config = study_config(request)
    assert not reservations(request, config, None)
    said = " ".join(differences(request, config))
    assert f"the encoder is read from {folder}; comparable only if" in said
    assert f"SimCSE's first model is read from {folder}; comparable only if" in said
    other = small("table1", tmp_path, scale="full", settings=("encoder.model=other/model",))
    assert "own: encoder.model=other/model" in reservations(other, study_config(other), None)[0]


def test_the_page_of_a_study_has_the_table(tmp_path):
    request = small("table1", tmp_path, seeds=2)
    text = as_markdown(compared(request, *told_study(request, tmp_path / "study", fails=(5,))))
    assert "### Table 1: Soft-InfoNCE by three estimators (graphcodebert, ruby, small scale" in text
    assert "| Soft-InfoNCE, SimCSE | 0.721 | 0." in text
    assert "Not comparable: " in text
    assert "7 of 8 trials are complete." in text


def test_a_table_of_averages_has_those_of_the_paper_too(tmp_path):
    request = small("table2", tmp_path, seeds=1)
    found = compared(request, *told_study(request, tmp_path / "study"))
    facts = {line["key"]: line for line in as_facts(found)["lines"]}
    assert (facts["kl-infonce"]["paper"], facts["kl-infonce"]["paper_average"]) == (0.691, 0.688)
    assert "0.688" in printed_text(shown(found))
    assert "the column 'paper' has ruby alone, from its Table 5" in " ".join(sentences(found))
    json.dumps(as_facts(found), allow_nan=False)


def test_times_are_told_over_infonce(tmp_path):
    request = small("table8", tmp_path, model="codebert", seeds=2)
    found = compared(request, *told_study(request, tmp_path / "study"))
    assert [line.values for line in found.lines[:2]] == [(0.1, 0.1), (0.2, 0.2)]
    assert found.lines[0].spread == 0
    text = printed_text(shown(found))
    assert "+30.7%" in text
    assert "+300.0%" in text
    assert "RTX A6000" in " ".join(found.reservations)


def test_a_figure_of_weights_waits_for_no_scores(tmp_path):
    request = small("fig2", tmp_path)
    found = compared(request, *told_study(request, tmp_path / "study", fails=(1,)))
    assert [line.complete for line in found.lines] == [1, 0, 1, 1]
    assert [line.values for line in found.lines] == [()] * 4
    assert "3 of 4 trials are complete." in sentences(found)
    assert "|" not in as_markdown(found)
    curves = {"InfoNCE": [1.0] * 31, "Soft-InfoNCE, BM25": [0.25, *[1.025] * 30]}
    page = as_markdown(replace(found, curves=curves))
    assert "| rank of the negative | InfoNCE | Soft-InfoNCE, BM25 |" in page
    assert "| 1 | 1.000 | 0.250 |" in page
    assert "| 31 | 1.000 | 1.025 |" in page


def test_stored_curves_are_in_the_order_of_the_lines_or_there_is_a_cure(tmp_path):
    folder, stored = StudyFolder(tmp_path, "fig2"), {"BM25": [0.5], "InfoNCE": [1.0]}
    with pytest.raises(DataError, match="have left the cache") as caught:
        stored_curves(folder, ["InfoNCE", "BM25"])
    assert "--out" in str(caught.value)
    (tmp_path / FACTS).write_text(json.dumps({"curves": stored}))
    assert list(stored_curves(folder, ["InfoNCE", "BM25"]).items()) == [*stored.items()][::-1]


@pytest.mark.long
def test_curves_are_shown_again_once_the_cache_is_cleaned(tmp_path, made_pairs, minilm):
    settings = (f"weights.simcse.model={minilm}", "encoder.vocabulary=600")
    request = small("fig2", made_pairs, settings=settings)
    config, folder = told_study(request, tmp_path / "study")
    names = [row.name for row in request.protocol.rows]
    stored = {name: [0.25, *[1.025] * 30] for name in sorted(names)}
    (folder.root / FACTS).write_text(json.dumps({"curves": stored}))
    found, files = write_comparison(request, config, folder)
    assert found.curves == stored
    assert list(found.curves) == names != sorted(names)
    assert [one.name for one in files] == ["reproduction.json", "fig2.png", "fig2.html"]
    assert json.loads(files[0].read_text())["curves"] == stored


def test_a_figure_is_a_table_of_its_curve_and_a_picture(tmp_path):
    request = small("fig3", tmp_path, seeds=2)
    found = compared(request, *told_study(request, tmp_path / "study"))
    curves = alpha_curve(found)
    assert curves["Soft-InfoNCE"]["deviation"] == [line.spread for line in found.lines[1:]]
    assert "gap" not in printed_text(shown(found))  # the paper prints no numbers of it
    assert curves["Soft-InfoNCE"]["x"] == [0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9]
    assert len(set(curves["InfoNCE"]["y"])) == 1
    picture, page = write_figure(found, curves, sentences(found))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "data:image/png;base64," in page.read_text()
    assert "(graphcodebert, ruby, small scale: static encoder)" in page.read_text()


def test_a_curve_of_weights_is_shown_at_some_of_its_ranks():
    text = printed_text(curve_rows({"InfoNCE": [1.0] * 4, "BM25": [0.1, 0.9, 1.1, 1.2]}, (1, 3, 9)))
    assert "0.100" in text
    assert "1.100" in text
    assert "0.900" not in text
