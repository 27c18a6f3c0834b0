"""``softnce export``: a plain model folder with its card, whole or not at all."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest
from huggingface_hub import ModelCard
from sentence_transformers import SentenceTransformer

from softnce.export import card_facts, model_card
from softnce.whole_files import torn_beside
from tests.softnce.code_index.conftest import static_folder  # noqa: F401  (a fixture)
from tests.tune_spaces.query.conftest import run  # noqa: F401  (a fixture)

FACTS = {
    "study": "mine",
    "loss": "InfoNCE",
    "data": "90 training pairs, digest 0123456789",
    "verdict": "Better: a | b by .02.",
}


@pytest.fixture
def study(static_folder, tmp_path):  # noqa: F811
    """A study's folder as far as its champion is concerned."""
    root = tmp_path / "study"
    champion = shutil.copytree(static_folder, root / "champion")
    (root / "study.json").write_text("{}")
    (root / "champion.txt").write_text("t0001")
    (root / "metrics.json").write_text(json.dumps({"valid": {}, "test": {"mrr": 0.25}}))
    (champion / "config.yaml").write_text("data: {path: pairs}\n")
    (champion / "README.md").write_text(model_card(FACTS))
    return root


def test_a_champion_is_written_with_its_card_and_replaces_a_former_export(run, study, tmp_path):  # noqa: F811
    out = tmp_path / "given" / "away"
    for licence in ("mit", "apache-2.0"):
        code, said, _ = run("export", study, out, "--license", licence)
        assert (code, said.splitlines()[-1][: len(f"Wrote {out}")]) == (0, f"Wrote {out}")
    card = ModelCard.load(out / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "sentence-transformers"
    told = card_facts(card.content)
    assert told.items() > FACTS.items()
    assert told["mrr (test)"] == "0.2500"
    assert "vectors of 16 dimensions" in told["size"]
    assert (out / "config.yaml").read_text() == "data: {path: pairs}\n"
    first, again = (
        SentenceTransformer(str(one), device="cpu") for one in (study / "champion", out)
    )
    np.testing.assert_array_equal(first.encode("read a table"), again.encode("read a table"))
    assert torn_beside(out) == []


def test_a_folder_with_anything_else_in_it_is_left_alone(run, study, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    assert run("export", study, out)[0] == 0
    (out / "notes.txt").write_text("mine")
    code, _, told = run("export", study, out)
    assert code == 2
    assert "holds notes.txt, which no softnce export wrote; name a new or empty folder" in told
    (out / "notes.txt").unlink()
    assert run("export", study, out)[0] == 0
    (tmp_path / "empty").mkdir()
    assert run("export", study, tmp_path / "empty")[0] == 0


def test_a_model_of_the_hub_is_named_as_the_base_and_keeps_its_licence(run, minilm, tmp_path):  # noqa: F811
    model = shutil.copytree(minilm, tmp_path / "model")
    (model / "README.md").write_text("---\nlanguage: en\nlicense: apache-2.0\n---\n# MiniLM\n")
    code, said, told = run("export", model, "out")
    assert (code, told) == (0, "")
    assert said.count("\n") == 1
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.base_model is None  # a folder of this machine
    assert card_facts(card.content)["exported from"].endswith("/model")
    assert "trained by softnce" not in card.content
    for name in ("static", "onnx"):
        assert not (tmp_path / "out" / name).exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["bm25", "out"], 2, "export bm25: it has no weights"),
        (["./none", "out"], 3, "./none: there is no such folder"),
        (["STUDY", "STUDY/champion"], 2, "is or lies in the model's own folder"),
        (["STUDY", "STUDY/champion/inner"], 2, "is or lies in the model's own folder"),
        (["STUDY", "STUDY/study.json"], 2, "study.json: a file; name a folder"),
        (["STUDY", "STUDY"], 2, "which no softnce export wrote"),
        (
            ["STUDY", "out", "--onnx"],
            2,
            "--onnx writes transformers, and this is a StaticEmbedding",
        ),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(run, study, tmp_path, words, code, said):  # noqa: F811
    before = sorted(tmp_path.rglob("*"))
    found, shown, told = run("export", *(one.replace("STUDY", str(study)) for one in words))
    complaints = [one for one in told.splitlines() if one.startswith("error: ")]
    assert (found, len(complaints), shown) == (code, 1, "")
    assert said in complaints[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_onnx_without_its_packages_is_one_line_with_a_way_out(run, minilm, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr("tune_spaces.search.onnx_weights.find_spec", lambda _: None)
    code, shown, told = run("export", minilm, "out", "--onnx")
    assert (code, shown) == (3, "")
    assert "is not installed; install onnx, onnxscript, onnxruntime (softnce's extra onnx)" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.long
@pytest.mark.skipif(find_spec("onnxscript") is None, reason="needs the extra onnx")
def test_onnx_weights_give_the_vectors_of_the_model(run, minilm, tmp_path):  # noqa: F811
    import onnxruntime

    code, _, told = run("export", minilm, "out", "--onnx")
    assert code == 0, told
    model = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "onnx" / "model.onnx"))
    texts = ["sort names", "one two three four " * 40, "x"]
    tokens = model.tokenizer(texts, padding=True, truncation=True, max_length=256,
                             return_tensors="np")  # fmt: skip
    (found,) = session.run(["sentence_embedding"], dict(tokens))
    np.testing.assert_allclose(found, model.encode(texts), atol=1e-5)
    assert "onnx/model.onnx" in (tmp_path / "out" / "README.md").read_text()
    assert run("export", minilm, "out")[0] == 0
    assert not (tmp_path / "out" / "onnx").exists()
