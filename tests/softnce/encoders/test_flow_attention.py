"""GraphCodeBERT's input and attention, against worked examples and its rules as plain loops."""

import pytest
import torch
from transformers import RobertaConfig, RobertaModel

from softnce.dataflow.extraction import extract
from softnce.dataflow.flow import CodeFlow, Flow
from softnce.encoders.flow.attention import (
    flow_batch,
    flow_mask,
    flow_states,
    positions,
    without_blind_rows,
    word_vectors,
)
from softnce.encoders.flow.layout import (
    FlowLayout,
    flow_layout,
    flow_row,
    flow_rows,
    places_of,
)
from softnce.ragged import ragged

CPU = torch.device("cpu")
WORKED = CodeFlow(
    ("int", "x", "=", "fooBar", ";"),
    (Flow("x", 1, "comesFrom", ("fooBar",), (3,)), Flow("fooBar", 3, "comesFrom", (), ())),
)
PIECES = [[10], [11], [12], [13, 14], [15]]
MASK = [
    "11111111110000", "11111111000000", "11111111100000", "11111111000000", "11111111010000",
    "11111111010000", "11111111000000", "11111111110000", "00100000010000", "00001100000000",
    *["00000000000000"] * 4,
]  # fmt: skip


def batch_of(layouts):
    return flow_batch(ragged([flow_row(one) for one in layouts]), CPU)


def flow_vectors(roberta, batch):
    return roberta.pooler(flow_states(roberta, batch))


def padding(length):
    return FlowLayout(ids=(0, *[9] * (length - 2), 2), code=length, spans=(), edges=())


def test_the_worked_example_is_laid_out_as_worked():
    found = flow_layout(WORKED, PIECES, code_length=10, flow_length=4)
    assert found.ids == (0, 10, 11, 12, 13, 14, 15, 2, 3, 3)
    assert (found.code, found.spans, found.edges) == (8, ((2, 3), (4, 6)), ((1,), ()))


def test_the_worked_example_is_seen_as_worked():
    batch = batch_of([flow_layout(WORKED, PIECES), padding(14)])
    rows = ["".join(str(int(one)) for one in row) for row in flow_mask(batch)[0]]
    assert rows == MASK
    assert positions(batch)[0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 1, 1, 1, 1]


def test_a_row_of_a_token_table_holds_the_whole_layout():
    layouts = laid_out(*CODES)
    table = ragged([flow_row(one) for one in layouts])
    found = flow_rows(table)
    assert places_of(table).tolist() == found.used.tolist() == [len(one.ids) for one in layouts]
    assert found.code.tolist() == [one.code for one in layouts]
    assert found.spans.tolist() == [list(span) for one in layouts for span in one.spans]
    assert found.edges.T.tolist() == [
        [row, one.code + node, one.code + source]
        for row, one in enumerate(layouts)
        for node, sources in enumerate(one.edges)
        for source in sources
    ]
    assert len(flow_rows(ragged([])).rows) == 0


def test_a_long_code_leaves_room_for_its_nodes_and_a_cut_node_sees_nothing_of_it():
    found = flow_layout(WORKED, PIECES, code_length=4, flow_length=2)
    assert found.ids == (0, 10, 11, 2, 3, 3)
    assert found.spans == ((2, 3), (0, 0))


def test_nodes_fill_what_a_short_code_leaves_free():
    flows = tuple(Flow("x", 0, "comesFrom", (), ()) for _ in range(9))
    found = flow_layout(CodeFlow(("x",), flows), [[5]], code_length=6, flow_length=2)
    assert found.ids == (0, 5, 2, 3, 3, 3, 3, 3)


def test_of_two_nodes_of_a_token_the_last_one_is_the_source_and_lost_nodes_are_none():
    flows = (
        Flow("x", 0, "computedFrom", ("y",), (1,)),
        Flow("x", 0, "computedFrom", ("y",), (1,)),
        Flow("z", 2, "comesFrom", ("x",), (0,)),
        Flow("y", 1, "comesFrom", (), ()),
    )
    found = flow_layout(
        CodeFlow(("x", "y", "z"), flows), [[5], [6], [7]], code_length=5, flow_length=3
    )
    assert found.edges == ((), (), (1,))


def plain_mask(one, length):
    """Follow the rules place by place."""
    mask = torch.zeros(length, length, dtype=torch.bool)
    for row in range(one.code):
        for column in range(one.code):
            mask[row, column] = True
    for row, token in enumerate(one.ids):
        if token in (0, 2):
            mask[row, : len(one.ids)] = True
    for node, (start, end) in enumerate(one.spans):
        for place in range(start, end):
            mask[one.code + node, place] = mask[place, one.code + node] = True
        for source in one.edges[node]:
            mask[one.code + node, one.code + source] = True
    return mask


def laid_out(*codes, **lengths):
    """Lay real functions out, a sub-token for every two letters."""
    layouts = []
    for code in codes:
        flow = extract(code, "python")
        pieces = [[10 + ord(one) % 80 for one in token[::2]] for token in flow.tokens]
        layouts.append(flow_layout(flow, pieces, **lengths))
    return layouts


CODES = (
    "def f(alpha, beta=1):\n    gamma = alpha + beta\n    return gamma",
    "x = 1",
    "",
    "for item in items:\n    total += item\nprint(total, items)",
)


@pytest.mark.parametrize("lengths", [{}, {"code_length": 12, "flow_length": 4}])
def test_a_batch_is_seen_by_the_rules(lengths):
    layouts = laid_out(*CODES, **lengths)
    found = flow_mask(batch_of(layouts))
    for one, mask in zip(layouts, found, strict=True):
        assert torch.equal(mask, plain_mask(one, found.shape[1]))


@pytest.fixture(scope="module")
def roberta():
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=340, initializer_range=0.2,
    )  # fmt: skip
    return RobertaModel(config).eval()


def test_a_vector_does_not_depend_on_its_batch_or_padding(roberta):
    layouts = laid_out(*CODES)
    with torch.no_grad():
        together = flow_vectors(roberta, batch_of([*layouts, padding(300)]))
        alone = torch.cat([flow_vectors(roberta, batch_of([one])) for one in layouts])
    assert torch.allclose(together[:-1], alone, atol=1e-5)


def test_a_vector_depends_on_the_data_flow(roberta):
    layout = laid_out(CODES[0])[0]
    without = FlowLayout(layout.ids, layout.code, layout.spans, tuple(() for _ in layout.edges))
    with torch.no_grad():
        first, second = flow_vectors(roberta, batch_of([layout, without]))
    assert not torch.allclose(first, second, atol=1e-4)


def test_without_nodes_a_vector_is_that_of_roberta_itself(roberta):
    plain = padding(20)
    ids = torch.tensor([plain.ids])
    with torch.no_grad():
        wanted = roberta(input_ids=ids, attention_mask=torch.ones_like(ids)).pooler_output
        found = flow_vectors(roberta, batch_of([plain]))
    assert torch.allclose(found, wanted, atol=1e-5)


def test_a_node_is_the_mean_of_its_words_and_zero_if_they_were_cut_off(roberta):
    words = roberta.embeddings.word_embeddings
    batch = batch_of([flow_layout(WORKED, PIECES, code_length=4, flow_length=2)])
    cut = word_vectors(words, batch, flow_mask(batch))[0]
    assert torch.allclose(cut[4], words.weight[11])
    assert not cut[5].any()
    batch = batch_of([flow_layout(WORKED, PIECES)])
    whole = word_vectors(words, batch, flow_mask(batch))[0]
    assert torch.allclose(whole[9], words.weight[[13, 14]].mean(dim=0), atol=1e-6)


def test_places_that_see_nothing_give_no_nan_and_no_broken_gradient(roberta):
    layouts = [flow_layout(WORKED, PIECES, code_length=4, flow_length=2), padding(30)]
    batch = batch_of(layouts)
    assert without_blind_rows(flow_mask(batch)).any(dim=2).all()
    roberta.zero_grad()
    flow_vectors(roberta, batch).square().sum().backward()
    assert all(one.grad is None or one.grad.isfinite().all() for one in roberta.parameters())
    roberta.zero_grad()


def test_the_mask_is_made_on_the_device_from_a_few_numbers_a_place():
    layouts = [*laid_out(*CODES), padding(320)]
    batch = flow_batch(ragged([flow_row(one) for one in layouts]), torch.device("meta"))
    mask = flow_mask(batch)
    assert (mask.device.type, tuple(mask.shape)) == ("meta", (len(layouts), 320, 320))
    moved = [batch.ids, batch.code, batch.used, batch.starts, batch.ends, batch.edges]
    assert all(one.device.type == "meta" for one in moved)
    edges = sum(len(sources) for one in layouts for sources in one.edges)
    assert sum(one.numel() for one in moved) == len(layouts) * (3 * 320 + 2) + 3 * edges


def test_attention_is_pytorchs_own_with_one_mask_for_all_heads(roberta, monkeypatch):
    attend, asked = torch.nn.functional.scaled_dot_product_attention, []

    def heard(query, key, value, attn_mask=None, **options):
        asked.append(attn_mask)
        return attend(query, key, value, attn_mask=attn_mask, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", heard)
    batch = batch_of(laid_out(*CODES))
    with torch.no_grad():
        flow_states(roberta, batch)
    length = batch.ids.shape[1]
    assert len(asked) == roberta.config.num_hidden_layers
    wanted = without_blind_rows(flow_mask(batch)).unsqueeze(1)
    for mask in asked:
        assert tuple(mask.shape) == (len(CODES), 1, length, length)
        seen = mask if mask.dtype == torch.bool else mask == 0
        assert torch.equal(seen, wanted)
