"""Preparing and training on a small set: repeatable, resumable, stoppable, and refusing NaN."""

import itertools
import json
import pickle
import random
from dataclasses import replace

import pytest
import torch
from transformers import BertConfig

from softnce.checkpoints.checkpoint import load_weights, newest_checkpoint
from softnce.checkpoints.manifest import best_checkpoint, complete_checkpoint
from softnce.config.config import Config
from softnce.config.file import with_overrides
from softnce.data.pairs import read_pairs
from softnce.encoders.static import StaticEncoder
from softnce.errors import DataError, RunError
from softnce.inputs.device import device_of
from softnce.inputs.estimators import build_estimator
from softnce.inputs.frozen_models import is_cached, teacher_config, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.prepare import prepare
from softnce.training.loop import epochs
from softnce.training.scoring import evaluate
from softnce.weights.bm25 import terms
from tests.softnce.encoders.test_packing import SHAPE, saved

WORDS = [
    "open",
    "close",
    "read",
    "write",
    "sort",
    "merge",
    "split",
    "join",
    "parse",
    "print",
    "load",
    "save",
    "find",
    "count",
    "sum",
    "map",
]
THINGS = [
    "file",
    "line",
    "word",
    "list",
    "table",
    "queue",
    "graph",
    "node",
    "edge",
    "token",
    "image",
    "matrix",
    "header",
    "packet",
]
BASE = {
    "data": {"path": "pairs.jsonl"},
    "encoder": {"dimensions": 16, "vocabulary": 400, "max_length": 32},
    "optim": {"epochs": 4, "batch_size": 32, "learning_rate": 0.01},
}
SOFT = {"loss/name": "soft-infonce"}
LOSSES = {
    "infonce": {"loss/name": "infonce"},
    "bm25": SOFT,
    "bm25 raw codes": SOFT | {"weights/scale": "raw", "weights/bm25/documents": "codes"},
    "teacher": SOFT | {"weights/estimator": "teacher"},
}


def said(_):
    """Hear what preparing has to tell."""


def config_with(**changes):
    return with_overrides(
        Config.model_validate(BASE), {path.replace("__", "/"): v for path, v in changes.items()}
    )


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    draw, rows = random.Random(0), []
    for number in range(500):
        verb, thing, other = draw.choice(WORDS), draw.choice(THINGS), draw.choice(THINGS)
        code = f"def {verb}_{thing}(x):\n    return {other}.{verb}(x, {number})"
        rows.append({"query": f"{verb} the {thing} of a {other}", "code": code, "id": f"u{number}"})
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return read_pairs(path)


@pytest.fixture(scope="session")
def prepared(pairs, tmp_path_factory):
    """Inputs with a teacher's vectors."""
    config = config_with()
    made = prepare(config, pairs, tmp_path_factory.mktemp("cache"), tell=said)
    made = replace(made, vectors={"teacher": vectors_key("teacher", config, made)})
    teacher, folder = teacher_config(config), tmp_path_factory.mktemp("teacher")
    list(epochs(teacher, made, folder))
    cache_vectors("teacher", teacher, made, folder)
    return made


def told(reports):
    return [
        {k: v for k, v in report.items() if k not in ("seconds", "before")} for report in reports
    ]


def trained(config, prepared, folder, **options):
    return told(epochs(config, prepared, folder, **options))


# --- preparing


def test_preparing_again_makes_no_new_file_and_says_nothing(pairs, tmp_path):
    heard = []
    first = prepare(config_with(), pairs, tmp_path, tell=heard.append)
    places = [tmp_path, *tmp_path.rglob("*")]  # a folder's time tells of passing files too
    files = {path: path.stat().st_mtime_ns for path in places}
    again = prepare(config_with(), pairs, tmp_path, tell=heard.append)
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in [tmp_path, *tmp_path.rglob("*")]} == files
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("change", "is_shared"),
    [
        ({"encoder__max_length": 16}, False),
        ({"encoder__dimensions": 8}, True),
        ({"optim__batch_size": 16}, True),
    ],
)
def test_tokens_are_shared_by_all_that_tokenise_alike(pairs, tmp_path, change, is_shared):
    first = prepare(config_with(), pairs, tmp_path, tell=said)
    other = prepare(config_with(**change), pairs, tmp_path, tell=said)
    assert (first.tokens == other.tokens) is is_shared
    assert first.terms == other.terms


def test_other_pairs_share_nothing(pairs, tmp_path):
    fewer = replace(pairs, train=pairs.train[:-1])
    first, other = (prepare(config_with(), one, tmp_path, tell=said) for one in (pairs, fewer))
    assert not {first.tokens, first.terms, first.tokenizer} & {
        other.tokens,
        other.terms,
        other.tokenizer,
    }


def test_tokens_are_those_of_the_texts_in_their_order(pairs, prepared):
    encoder = prepared.encoder(config_with().encoder, seed=0)
    wanted = encoder.tokenize([pair.code for pair in pairs.train])
    assert prepared.table("train_codes").values.tolist() == wanted.values.tolist()
    assert prepared.table("valid").offsets.tolist() == (
        encoder.tokenize(list(pairs.valid.texts)).offsets.tolist()
    )
    assert prepared.answers("valid").tolist() == list(pairs.valid.answers)
    assert len(prepared.table("candidates")) == len(pairs.candidates)


def test_a_set_without_test_queries_is_prepared(pairs, tmp_path):
    bare = replace(pairs, test=replace(pairs.test, texts=(), answers=()))
    made = prepare(config_with(), bare, tmp_path, tell=said)
    assert len(made.table("test")) == 0
    assert made.answers("test").tolist() == []


def test_the_same_word_has_the_same_number_in_queries_and_codes(prepared, pairs):
    config = config_with(weights__bm25__documents="codes", weights__scale="raw")
    rows = torch.arange(40)
    scores = build_estimator(config.weights, prepared, torch.device("cpu")).relevance(rows, rows)
    for row in range(40):
        words = set(terms(pairs.train[row].query))
        for column in range(40):
            is_shared = bool(words & set(terms(pairs.train[column].code)))
            assert bool(scores[row, column] != 0) is is_shared


def test_what_is_prepared_travels_as_itself(prepared):
    assert pickle.loads(pickle.dumps(prepared)) == prepared


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": ()}, "0 training pairs do not fill one batch of 32; lower optim.batch_size"),
        ({"valid": None}, "no validation queries, so nothing can be compared"),
    ],
)
def test_too_few_pairs_are_refused_with_a_way_out(pairs, tmp_path, change, message):
    if "valid" in change:
        change = {"valid": replace(pairs.valid, texts=(), answers=())}
    with pytest.raises(DataError, match=message):
        prepare(config_with(), replace(pairs, **change), tmp_path, tell=said)


# --- training


@pytest.mark.parametrize("loss", LOSSES)
def test_the_same_seed_gives_the_same_metrics_bit_for_bit(prepared, tmp_path, loss):
    config = with_overrides(config_with(), LOSSES[loss])
    first = trained(config, prepared, tmp_path / "a")
    assert trained(config, prepared, tmp_path / "b") == first
    assert [report["epoch"] for report in first] == [1, 2, 3, 4]
    assert [report["finished"] for report in first] == [False, False, False, True]


def test_training_learns(prepared, tmp_path, caplog):
    caplog.set_level("INFO")
    reports = trained(config_with(loss__name="infonce"), prepared, tmp_path)
    assert [f"epoch {n}: loss" in caplog.text for n in range(1, 6)] == [True] * 4 + [False]
    assert reports[-1]["loss"] < reports[0]["loss"]
    assert reports[-1]["mrr"] > 0.3


@pytest.mark.parametrize("path", ["optim__seed", "optim__learning_rate", "loss__temperature"])
def test_another_setting_gives_other_metrics(prepared, tmp_path, path):
    value = {"optim__seed": 5, "optim__learning_rate": 0.02, "loss__temperature": 0.1}[path]
    config = config_with(optim__epochs=1)
    other = config_with(optim__epochs=1, **{path: value})
    first, second = (
        trained(one, prepared, tmp_path / n) for n, one in (("a", config), ("b", other))
    )
    assert first[0]["loss"] != second[0]["loss"]


@pytest.mark.parametrize("done", [1, 3])
@pytest.mark.parametrize("loss", ["infonce", "bm25"])
def test_a_resumed_run_is_bit_equal_to_an_undisturbed_one(prepared, tmp_path, loss, done):
    config = with_overrides(config_with(), LOSSES[loss])
    whole = trained(config, prepared, tmp_path / "whole")
    run = epochs(config, prepared, tmp_path / "cut")
    first = told(next(run) for _ in range(done))
    run.close()
    assert first + trained(config, prepared, tmp_path / "cut") == whole
    ours, theirs = (newest_checkpoint(tmp_path / name).model for name in ("cut", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("done", [1, 2])
def test_dropout_goes_on_where_it_was(pairs, tmp_path, done):
    dropout = BertConfig(**SHAPE, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    changes = {"kind": "transformer", "model": saved(dropout, tmp_path / "model"), "max_length": 16}
    few = {"optim/max_steps": 3, "optim/epochs": 3}
    config = with_overrides(config_with(), {f"encoder/{k}": v for k, v in changes.items()} | few)
    made = prepare(config, pairs, tmp_path / "cache", tell=said)
    whole = trained(config, made, tmp_path / "whole")
    run = epochs(config, made, tmp_path / "cut")
    first = told(next(run) for _ in range(done))
    run.close()
    torch.manual_seed(99)  # as another process would
    assert first + trained(config, made, tmp_path / "cut") == whole
    ours, theirs = (newest_checkpoint(tmp_path / name).model for name in ("cut", "whole"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("loss", ["bm25", "teacher"])
def test_gradient_caching_trains_the_same_encoder(prepared, tmp_path, loss):
    config = with_overrides(config_with(), LOSSES[loss])
    cached = with_overrides(config, {"optim/max_tokens_per_pass": 64})
    plain = trained(config, prepared, tmp_path / "plain")
    for report, other in zip(trained(cached, prepared, tmp_path / "cached"), plain, strict=True):
        assert report["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert report["mrr"] == pytest.approx(other["mrr"], abs=1e-3)


@pytest.mark.parametrize("done", [1, 3])
def test_only_the_first_report_after_a_resume_tells_the_epochs_before_it(prepared, tmp_path, done):
    run = epochs(config_with(), prepared, tmp_path)
    first = [next(run) for _ in range(done)]
    run.close()
    assert all("before" not in report for report in first)
    rest = list(epochs(config_with(), prepared, tmp_path))
    assert rest[0]["before"] == first
    assert all("before" not in report for report in rest[1:])
    (again,) = epochs(config_with(), prepared, tmp_path)
    assert [report["epoch"] for report in again["before"]] == [1, 2, 3]


def test_a_run_with_a_torn_last_checkpoint_repeats_its_last_epoch(prepared, tmp_path):
    config = config_with()
    whole = trained(config, prepared, tmp_path)
    (tmp_path / "epoch-0004" / "model.safetensors").write_bytes(b"torn")
    assert trained(config, prepared, tmp_path) == whole[-1:]


def test_a_finished_run_reports_its_last_epoch_again_without_training(prepared, tmp_path):
    whole = trained(config_with(), prepared, tmp_path)
    before = (tmp_path / "epoch-0004" / "manifest.json").stat().st_mtime_ns
    assert trained(config_with(), prepared, tmp_path) == whole[-1:]
    assert (tmp_path / "epoch-0004" / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("metric", ["mrr", "recall_at_1"])
def test_the_objective_is_the_best_epoch_and_its_weights_are_kept(prepared, tmp_path, metric):
    config = config_with(optim__epochs=6, optim__learning_rate=0.3, search__metric=metric)
    reports = trained(config, prepared, tmp_path)
    values = [report[metric] for report in reports]
    for count, report in enumerate(reports, start=1):
        assert report["objective"] == max(values[:count])
        assert report["best_epoch"] == values.index(max(values[:count])) + 1
    encoder = prepared.encoder(config.encoder, seed=0)
    encoder.model.load_state_dict(load_weights(best_checkpoint(tmp_path)))
    assert evaluate(encoder, prepared, split="valid")[metric] == max(values)


def test_infonce_has_no_spread_and_soft_infonce_has(prepared, tmp_path):
    spreads = {
        name: trained(
            with_overrides(config_with(optim__epochs=1), LOSSES[name]), prepared, tmp_path / name
        )[0]["weight_spread"]
        for name in LOSSES
    }
    assert spreads.pop("infonce") == 0
    assert all(spread > 0.01 for spread in spreads.values())


def test_alpha_zero_is_infonce(prepared, tmp_path):
    one, other = (
        trained(
            with_overrides(config_with(optim__epochs=2), LOSSES[name] | {"weights/alpha": 0}),
            prepared,
            tmp_path / name,
        )
        for name in ("infonce", "bm25")
    )
    assert [report["loss"] for report in one] == pytest.approx([r["loss"] for r in other], abs=1e-5)


def test_rows_left_over_sit_out_and_every_batch_is_full(prepared, tmp_path):
    config = config_with(optim__epochs=1)
    (report,) = trained(config, prepared, tmp_path)
    assert prepared.train % 32 != 0
    assert report["steps"] == prepared.train // 32


def test_an_epoch_may_be_cut_short_for_a_try(prepared, tmp_path):
    (report,) = trained(config_with(optim__epochs=1, optim__max_steps=2), prepared, tmp_path)
    assert report["steps"] == 2


def test_a_run_that_is_told_to_stop_ends_without_a_report(prepared, tmp_path):
    config, looks = config_with(), []

    def after_the_first_epoch():
        looks.append(1)
        return len(looks) > 1

    reports = trained(config, prepared, tmp_path, should_stop=after_the_first_epoch)
    assert [report["epoch"] for report in reports] == [1]
    assert newest_checkpoint(tmp_path).progress["epoch"] == 1
    rest = trained(config, prepared, tmp_path)
    assert reports + rest == trained(config, prepared, tmp_path / "undisturbed")


UNCLAMPED = {"weights__floor": None, "weights__alpha": 20, "weights__temperature": 0.05}
OVERFLOWING = {"loss__name": "infonce", "encoder__similarity": "dot", "loss__temperature": 1e-41}


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        (UNCLAMPED, "give weights.floor a value above 0, lower optim.learning_rate"),
        (OVERFLOWING, "of epoch 1; lower optim.learning_rate"),
    ],
)
def test_a_loss_that_is_no_number_ends_the_run_with_a_way_out(prepared, tmp_path, changes, hint):
    config = config_with(**changes)
    with pytest.raises(RunError, match="loss is not finite at step") as caught:
        trained(config, prepared, tmp_path)
    assert hint in str(caught.value)
    assert newest_checkpoint(tmp_path) is None


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_half_precision_trains_close_to_full(prepared, tmp_path, similarity):
    changes = {"optim__epochs": 1, "encoder__similarity": similarity, "loss__name": "infonce"}
    if similarity == "dot":
        changes["loss__temperature"] = 1.0
    full, half = (
        trained(config_with(**changes, optim__precision=precision), prepared, tmp_path / precision)
        for precision in ("fp32", "bf16")
    )
    assert half[0]["loss"] == pytest.approx(full[0]["loss"], rel=0.05)


def test_a_run_of_one_step_trains(prepared, tmp_path):
    config = config_with(optim__epochs=1, optim__max_steps=1)
    before = prepared.encoder(config.encoder, seed=config.optim.seed).model.state_dict()
    trained(config, prepared, tmp_path)
    after = load_weights(best_checkpoint(tmp_path))
    assert any(not torch.equal(before[name], after[name]) for name in after)


def test_the_schedule_runs_over_all_epochs(prepared, tmp_path):
    from softnce.training import loop

    config = config_with(optim__epochs=2, optim__warmup_share=0, optim__learning_rate=0.4)
    run = loop._started(config, prepared, tmp_path, loop.Workers(), torch.device("cpu"))
    rates, steps = [], len(loop.loader_of(run).drawn(1))
    for _ in range(2):
        run.history.append(loop._one_epoch(run, loop.loader_of(run), lambda: False))
        rates.append(run.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.4 * (steps + 1) / (2 * steps), 0.4 / (2 * steps)])


def test_a_pretrained_encoder_is_prepared_and_trained_alike(pairs, minilm, tmp_path):
    changes = {"encoder/kind": "transformer", "encoder/model": str(minilm)}
    changes |= {"encoder/max_length": 12, "optim/epochs": 1, "optim/max_steps": 1}
    nested = config_with().model_dump()
    nested["encoder"] |= {"kind": "transformer", "model": str(minilm)}
    changes |= {"optim/batch_size": 8, "optim/learning_rate": 1e-4}
    config = with_overrides(Config.model_validate(nested), changes)
    few = replace(pairs, train=pairs.train[:64], candidates=pairs.candidates)
    made = prepare(config, few, tmp_path / "cache", tell=said)
    assert made.tokenizer == ""
    assert made.table("train_codes").lengths.max() == 12
    first = trained(config, made, tmp_path / "a")
    assert trained(config, made, tmp_path / "b") == first
    assert first[0]["weight_spread"] > 0


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_run_is_where_its_resources_say(gpus):
    wanted = "cuda" if gpus else "cpu"
    assert device_of(config_with(resources__gpus_per_worker=gpus)).type == wanted


# --- the teacher


def test_the_teacher_is_the_study_with_infonce():
    config = config_with(weights__teacher__epochs=2)
    teacher = teacher_config(config)
    assert (teacher.loss.name, teacher.optim.epochs) == ("infonce", 2)
    assert teacher.encoder == config.encoder


def test_the_teachers_vectors_are_those_of_its_best_epoch(prepared):
    queries, codes = (prepared.frozen_vectors("teacher", name) for name in ("queries", "codes"))
    assert queries.shape == codes.shape == (prepared.train, 16)
    rows = torch.arange(50)
    scores = torch.from_numpy(queries[:50].copy()) @ torch.from_numpy(codes[:50].copy()).T
    assert (scores.argmax(1) == rows).float().mean() > 0.5


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"weights__alpha": 0.5}, True),
        ({"search__trials": 3}, True),
        ({"optim__seed": 3}, False),
        ({"encoder__dimensions": 8}, False),
        ({"loss__temperature": 0.1}, False),
        ({"weights__teacher__epochs": 1}, False),
    ],
)
def test_a_teacher_is_trained_anew_only_when_it_would_be_another(prepared, change, is_same):
    first, other = (
        vectors_key("teacher", one, prepared) for one in (config_with(), config_with(**change))
    )
    assert (first == other) is is_same


def test_a_teacher_without_weights_is_refused(prepared, tmp_path):
    config = config_with()
    (tmp_path / f"epoch-{config.optim.epochs:04d}").mkdir()
    with pytest.raises(RunError, match="no intact checkpoint"):
        cache_vectors("teacher", config, prepared, tmp_path)


@pytest.mark.parametrize("done", [0, 1])
def test_a_teacher_stopped_before_its_last_epoch_leaves_no_vectors(prepared, tmp_path, done):
    teacher = teacher_config(config_with(optim__epochs=2))
    made = replace(prepared, vectors={"teacher": f"stopped-{done}"})
    list(itertools.islice(epochs(teacher, made, tmp_path / "teacher"), done))
    cache_vectors("teacher", teacher, made, tmp_path / "teacher")
    assert not is_cached("teacher", made)
    assert complete_checkpoint(tmp_path / "teacher") is None
    assert len(optimizer_states(tmp_path / "teacher")) == done
    list(epochs(teacher, made, tmp_path / "teacher"))
    cache_vectors("teacher", teacher, made, tmp_path / "teacher")
    assert is_cached("teacher", made)


def optimizer_states(folder):
    return list(folder.glob("epoch-*/optimizer.safetensors"))


def test_a_trained_teacher_frees_what_only_training_needed(prepared, tmp_path):
    teacher, folder = teacher_config(config_with(optim__epochs=3)), tmp_path / "teacher"
    made = replace(prepared, vectors={"teacher": "freed"})
    list(epochs(teacher, made, folder))
    assert optimizer_states(folder)
    cache_vectors("teacher", teacher, made, folder)
    assert not optimizer_states(folder)
    assert complete_checkpoint(folder) == best_checkpoint(folder)
    again = replace(prepared, vectors={"teacher": "made-anew"})
    cache_vectors("teacher", teacher, again, folder)  # as after the cache was cleaned
    first, second = (one.frozen_vectors("teacher", "queries") for one in (made, again))
    assert first.tobytes() == second.tobytes()


# --- real data


def test_real_pairs_are_learned_again_bit_for_bit(real_data, tmp_path):
    config = with_overrides(
        config_with(optim__epochs=1, optim__max_steps=5),
        {"data/path": str(real_data / "csn-python-mini"), "encoder/vocabulary": 2000},
    )
    pairs = read_pairs(real_data / "csn-python-mini")
    made = prepare(config, pairs, tmp_path / "cache", tell=said)
    first = trained(config, made, tmp_path / "a")
    assert trained(config, made, tmp_path / "b") == first
    assert isinstance(made.encoder(config.encoder, seed=0), StaticEncoder)
    assert 0 < first[0]["mrr"] < 1
