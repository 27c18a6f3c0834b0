"""A study's own guide: hard negatives that are drawn anew in each epoch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.encoders.options import SIDE_FILE, PretrainedOptions
from softnce.encoders.transformer import transformer_encoder
from softnce.errors import ConfigError, DataError, SetupError
from softnce.export import export
from softnce.inputs.frozen_models import FROZEN_MODELS, vectors_key
from softnce.inputs.frozen_vectors import cache_vectors
from softnce.inputs.guided import with_taught_pools
from softnce.inputs.prepare import prepare
from softnce.losses.infonce import info_nce
from softnce.training.gather import Workers
from softnce.training.loop import _objective, _started, epochs, loader_of, texts_of
from tests.softnce.encoders.small_models import small_roberta
from tests.softnce.training.hard_negatives.small_runs import CPU, config_with


@pytest.fixture(scope="module")
def source(made_pairs, tmp_path_factory):
    path = tmp_path_factory.mktemp("guided") / "pairs.jsonl"
    path.write_text("\n".join(made_pairs.read_text().splitlines()[:120]))
    return path


def guided(minilm, guide="bm25", **changes):
    changes = {"data__negatives_from": guide, "data__guide__pool": 30} | changes
    return config_with(minilm, **{"optim__epochs": 3, "loss__name": "infonce"} | changes)


def prepared_with(config, source, folder):
    said = []
    made = prepare(config, read_pairs(source), folder, tell=said.append, models=config.models)
    return made, said


@pytest.fixture(scope="module")
def by_bm25(minilm, source, tmp_path_factory):
    return prepared_with(guided(minilm), source, tmp_path_factory.mktemp("cache"))[0]


def batches_of(config, prepared, folder, epoch):
    run = _started(config, prepared, folder, Workers(), CPU)
    loader = loader_of(run)
    return run, list(loader.prefetched(loader.drawn(epoch), epoch=epoch))


def test_the_loss_is_that_of_the_drawn_functions_among_the_candidates(
    minilm, source, by_bm25, tmp_path
):
    pairs, config = read_pairs(source), guided(minilm)
    run, batches = batches_of(config, by_bm25, tmp_path, 1)
    found = _objective(run).outcome(run.encoder, texts_of(by_bm25), batches[0]).loss
    rows = batches[0].rows.tolist()
    codes = [pairs.train[row].code for row in [*rows, *batches[0].negatives.tolist()]]
    queries = [pairs.train[row].query for row in rows]
    vectors = [run.encoder.encode_all(run.encoder.tokenize(side)) for side in (queries, codes)]
    logits = vectors[0] @ vectors[1].T / config.loss.temperature
    assert logits.shape == (8, 8 * 3)
    wanted = info_nce(logits, torch.arange(8))
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_none_is_a_duplicate_or_of_the_batch_and_epochs_differ_and_repeat(
    minilm, by_bm25, tmp_path
):
    config = guided(minilm, data__guide__hottest=5.0)
    first, again, later = (
        [one.negatives for one in batches_of(config, by_bm25, tmp_path / str(n), epoch)[1]]
        for n, epoch in enumerate((1, 1, 2))
    )
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    assert any((one != other).any() for one, other in zip(first, later, strict=True))
    groups = [by_bm25.duplicate_groups(side).numpy() for side in ("queries", "codes")]
    for batch in batches_of(config, by_bm25, tmp_path / "more", 3)[1]:
        owners = np.repeat(batch.rows, 2)
        for one in groups:
            assert not (one[owners] == one[batch.negatives]).any()
        assert not np.isin(batch.negatives, batch.rows).any()


def test_later_epochs_draw_nearer_ones(minilm, by_bm25, tmp_path):
    config = guided(minilm, data__guide__hottest=50.0, data__guide__coldest=0.02)
    pools = by_bm25.negative_pools()

    def nearness(epoch):
        places = []
        for batch in batches_of(config, by_bm25, tmp_path / str(epoch), epoch)[1]:
            for row, drawn in zip(batch.rows, batch.negatives.reshape(-1, 2), strict=True):
                places += [pools.rows[row].tolist().index(one) for one in drawn.tolist()]
        return np.mean(places)

    assert nearness(1) > nearness(2) > nearness(3)


@pytest.mark.parametrize(
    ("loss", "estimator"),
    [
        ("tilted", "bm25"),
        ("soft-infonce", "self"),
        ("shifted", "mixture"),
        ("tilted", "duplicates"),
    ],
)
def test_every_kind_of_estimator_judges_them(minilm, by_bm25, tmp_path, loss, estimator):
    mixture = {"bm25": 1.0, "teacher": 0.0, "simcse": 0.0, "duplicates": 0.0, "self": 1.0}
    changes = {f"weights__mixture__{name}": share for name, share in mixture.items()}
    if loss == "shifted":
        changes |= {"loss__directions": "qc+qq+cc", "loss__duplicates": "mask"}
    config = guided(
        minilm, loss__name=loss, weights__estimator=estimator, optim__epochs=1, **changes
    )
    (report,) = epochs(config, by_bm25, tmp_path)
    assert np.isfinite(report["loss"])


def test_the_trained_teacher_guides(minilm, source, tmp_path):
    config = guided(minilm, "teacher")
    assert "teacher" in config.models
    made, _ = prepared_with(config, source, tmp_path / "cache")
    assert made.pools == ""
    with pytest.raises(DataError, match="pools have not been prepared"):
        list(epochs(config, made, tmp_path / "too early"))
    own = FROZEN_MODELS["teacher"].configured(config)
    assert (own.data.negatives, own.data.is_guided) == (0, False)
    made = replace(made, vectors={"teacher": vectors_key("teacher", config, made)})
    list(epochs(own, made, tmp_path / "teacher"))
    cache_vectors("teacher", own, made, tmp_path / "teacher")
    said = []
    made = with_taught_pools(config, made, said.append)
    assert "suspected false negatives" in said[-1]
    reports = list(epochs(config, made, tmp_path / "run"))
    assert np.isfinite([one["loss"] for one in reports]).all()


def test_a_model_guides_and_is_asked_once(minilm, source, tmp_path):
    config = guided(minilm, str(minilm))
    made, said = prepared_with(config, source, tmp_path)
    assert any("looking for hard negatives" in one for one in said)
    assert made.weights["guide"]
    again, said = prepared_with(config, source, tmp_path)
    assert again.pools == made.pools
    assert not any("looking for hard negatives" in one for one in said)


def test_a_guide_that_reads_code_otherwise_is_another_one(minilm, source, tmp_path):
    flow = PretrainedOptions(dataflow="fixed", max_length=40, dataflow_nodes=20)
    (tmp_path / "roberta").mkdir()
    trained = transformer_encoder(str(small_roberta(tmp_path / "roberta")), flow)
    guide = export(trained, tmp_path / "guide", {})
    config = guided(minilm, str(guide))

    def found(language):
        pairs = read_pairs(source)
        train = tuple(replace(one, language=language) for one in pairs.train)
        made = prepare(config, replace(pairs, train=train), tmp_path / "cache", tell=[].append)
        return made.weights["guide"]

    with_flow = found("python")
    in_java = found("java")
    (guide / SIDE_FILE).unlink()
    assert len({with_flow, in_java, found("python")}) == 3


def test_a_guide_out_of_reach_is_named_by_its_setting(minilm, source, tmp_path):
    with pytest.raises(SetupError, match=r"^data\.negatives_from /no/such/folder"):
        prepared_with(guided(minilm, "/no/such/folder"), source, tmp_path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"path": "x", "negatives_from": "bm25"}, "with data.negatives=0, drawn from a pool"),
        (
            {"path": "x", "negatives_from": "bm25", "negatives": 9, "guide": {"pool": 8}},
            "with data.negatives=9, drawn from a pool of 8",
        ),
        ({"path": "x", "negatives_from": "", "negatives": 1}, "data.negatives_from"),
        ({"path": "x", "guide": {"margin": 1}}, "data.guide.margin"),
        ({"path": "x", "guide": {"coldest": 3}}, "give the larger one as hottest"),
        ({"mine": ["src"], "negatives": 1}, "set data.negatives_from to bm25"),
    ],
)
def test_a_guide_that_cannot_guide_is_refused(data, said):
    with pytest.raises(ConfigError) as caught:
        validated({"data": data})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mined_pairs_may_be_guided():
    found = validated({"data": {"mine": ["src"], "negatives": 2, "negatives_from": "bm25"}})
    assert (found.data.column_negatives, found.negatives) == (0, 3 * found.optim.batch_size - 1)
