"""Stored rows: whole or absent, merged without loss, scored and fused as everywhere else."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from softnce.code_index.functions import digest_of
from softnce.code_index.index import fused
from softnce.code_index.stored_rows import add_rows, merged, stored_rows
from softnce.code_index.word_rows import ARRAYS, bm25_scores, word_arrays
from softnce.evaluation.fusion import reciprocal_rank_fusion
from softnce.retrieval.words import words
from softnce.weights.bm25 import BM25Estimator

TEXTS = ["def read_table(path): read path", "sortNames", "", "read the table, read it", "of the"]
QUERY = "read the table of a path, read"


def silent(_done):
    pass


def add(folder, texts):
    add_rows(folder, [digest_of(one) for one in texts], word_arrays(texts, [], silent))


def rows_of(stored, texts):
    return np.array([stored.rows[digest_of(one)] for one in texts])


def test_bm25_over_stored_words_is_that_of_an_evaluation_also_after_a_merge(tmp_path):
    add(tmp_path, TEXTS[:2])
    add(tmp_path, ["an old text that is read no more"])
    add(tmp_path, TEXTS[1:])
    wanted = BM25Estimator(
        [words(QUERY)], documents=[words(one) for one in TEXTS], variant="lucene"
    ).relevance(torch.arange(1), torch.arange(len(TEXTS)))[0]
    stored = stored_rows(tmp_path, ARRAYS)
    np.testing.assert_allclose(bm25_scores(QUERY, stored, rows_of(stored, TEXTS)), wanted)
    whole = merged(tmp_path, stored, ARRAYS, {digest_of(one) for one in TEXTS})
    assert len(whole.rows) == len(TEXTS)
    assert (len(stored.segments), len(whole.segments)) == (3, 1)
    np.testing.assert_allclose(bm25_scores(QUERY, whole, rows_of(whole, TEXTS)), wanted)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_query_without_a_word_scores_nothing(tmp_path):
    add(tmp_path, TEXTS)
    stored = stored_rows(tmp_path, ARRAYS)
    assert not bm25_scores("?!", stored, rows_of(stored, TEXTS)).any()


def test_a_damaged_segment_is_removed_and_told(tmp_path):
    add(tmp_path, TEXTS[:2])
    add(tmp_path, TEXTS[2:])
    torn = stored_rows(tmp_path, ARRAYS).segments[0].folder
    content = (torn / "words.npy").read_bytes()
    (torn / "words.npy").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    found = stored_rows(tmp_path, ARRAYS)
    assert found.damaged == (torn,)
    assert len(found.segments) == 1
    assert not torn.exists()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_fusion_is_that_of_an_evaluation(pairs):
    first, second = (np.array(one, np.float64) for one in zip(*pairs, strict=True))
    wanted = reciprocal_rank_fusion(torch.tensor(first)[None], torch.tensor(second)[None])[0]
    np.testing.assert_allclose(fused(first, second), wanted)
