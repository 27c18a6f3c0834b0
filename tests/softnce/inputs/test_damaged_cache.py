"""A damaged entry of the cache is made anew, or told with its cure."""

import numpy as np
import pytest

from softnce.config.file import validated
from softnce.data.pairs import read_pairs
from softnce.errors import DataError
from softnce.inputs.prepare import prepare


@pytest.mark.parametrize("damage", [b"", b"{", b'{"model": {"type": "BPE"}}', b"\xff\xfe"])
def test_a_damaged_tokenizer_is_trained_anew(made_pairs, tmp_path, damage):
    config = validated({"data": {"path": str(made_pairs)}, "encoder": {"vocabulary": 400}})
    pairs, said = read_pairs(made_pairs), []
    first = prepare(config, pairs, tmp_path, tell=lambda _: None)
    tokenizer = tmp_path / f"{first.tokenizer}.json"
    whole = tokenizer.read_bytes()
    tokenizer.write_bytes(damage)
    with pytest.raises(DataError, match="a damaged tokenizer; remove it, and the same softnce"):
        first.encoder(config.encoder, seed=0)
    assert prepare(config, pairs, tmp_path, tell=said.append) == first
    assert said == ["training a tokenizer of 400 tokens"]
    assert tokenizer.read_bytes() == whole


def truncated(path):
    path.write_bytes(path.read_bytes()[:-4])


def garbled(path):
    path.write_bytes(path.read_bytes()[:-4] + b"\xff\xff\xff\x7f")


def of_another_type(path):
    np.save(path, np.load(path).astype(np.float16))


def of_another_shape(path):
    np.save(path, np.load(path)[None])


def gone(path):
    path.unlink()


@pytest.mark.parametrize("damage", [truncated, garbled, of_another_type, of_another_shape, gone])
@pytest.mark.parametrize("table", ["tokens", "terms"])
def test_a_damaged_table_is_made_anew(made_pairs, tmp_path, damage, table):
    config = validated({"data": {"path": str(made_pairs)}, "encoder": {"vocabulary": 400}})
    pairs, said = read_pairs(made_pairs), []
    first = prepare(config, pairs, tmp_path, tell=lambda _: None)
    folder = tmp_path / getattr(first, table)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder / ("valid_values.npy" if table == "tokens" else "words_codes_values.npy"))
    assert prepare(config, pairs, tmp_path, tell=said.append) == first
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert said == ["tokenising 900 functions"] * (table == "tokens")


def test_a_table_that_is_damaged_under_a_trial_is_named_with_its_cure(made_pairs, tmp_path):
    config = validated({"data": {"path": str(made_pairs)}, "encoder": {"vocabulary": 400}})
    prepared = prepare(config, read_pairs(made_pairs), tmp_path, tell=lambda _: None)
    (tmp_path / prepared.tokens / "valid_values.npy").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"valid_values.npy: missing or damaged; the same search, .*, mends it"
    ):
        prepared.table("valid")
