"""A damaged entry of the cache is made anew, or told with its cure."""

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
