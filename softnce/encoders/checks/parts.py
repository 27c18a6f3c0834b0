"""Whether the parts of a model fit each other: its tokenizer, its lengths, its vectors."""

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer
from torch import nn

from softnce.errors import SetupError

FORWARD_ERRORS = (RuntimeError, ValueError, TypeError, AttributeError, LookupError)
_PLACES = ("position_embeddings", "padding_idx")  # attributes of a model's embeddings
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # stands for a space in the vocabularies of SentencePiece


def require_tokenizer(loaded: SentenceTransformer, model: str) -> None:
    """Refuse a tokenizer of another model, and the empty one that stands for a missing one."""
    tokenizer = loaded.tokenizer
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab(), _SPACE}
    known = tokenizer.get_vocab()
    if not known.keys() - special:
        raise SetupError(
            f"{model}: has no tokenizer but its special tokens, so that every text reads alike",
            "put the tokenizer's files there: tokenizer.json, or its vocabulary",
            setting="encoder.model",
        )
    rows = _token_vectors(loaded)
    if rows is None:
        return
    used = [number for token, number in known.items() if token not in tokenizer.get_added_vocab()]
    largest = max([*used, *tokenizer.all_special_ids])
    if largest >= rows:
        raise SetupError(
            f"{model}: its tokenizer has the token {largest}, and the model {rows} token vectors",
            "put the tokenizer there that the model was trained with",
            setting="encoder.model",
        )


def _token_vectors(loaded: SentenceTransformer) -> int | None:
    """Return how many tokens a transformer has vectors of; None: it has no table of them."""
    if not isinstance(loaded[0], Transformer):  # as a router, which holds several
        return None
    try:
        table = loaded[0].auto_model.get_input_embeddings()
    except NotImplementedError:
        return None
    return table.num_embeddings if isinstance(table, nn.Embedding) else None


def require_vectors(loaded: SentenceTransformer, model: str) -> None:
    """Encode one word, so that parts that do not fit each other are met at once.

    Raises:
        SetupError: there is no vector, or it has another size than the model says.
    """
    try:
        found = loaded.encode(["word"], show_progress_bar=False, convert_to_numpy=False)[0]
    except FORWARD_ERRORS as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SetupError(
            f"{model}: cannot encode a word: {reason}",
            "take another copy, or another model",
            setting="encoder.model",
        ) from error
    size = loaded.get_embedding_dimension()
    if len(found) != size:
        raise SetupError(
            f"{model}: says that its vectors have {size} numbers, and they have {len(found)}",
            "mend word_embedding_dimension in the config.json of its pooling",
            setting="encoder.model",
        )


def cap_length(loaded: SentenceTransformer, model: str) -> None:
    """Let no text be longer than the model has places: RoBERTa's begin behind that of padding."""
    length: object = loaded.max_seq_length
    marks = loaded.tokenizer.num_special_tokens_to_add()
    if length is not None and not (isinstance(length, int) and length > marks):
        raise SetupError(
            f"{model}: keeps {length} tokens of a text, {marks} of them marks",
            "give max_seq_length in its sentence_bert_config.json a larger number",
            setting="encoder.model",
        )
    for module in loaded[0].auto_model.modules():
        table, padding = (getattr(module, name, None) for name in _PLACES)
        if isinstance(table, nn.Embedding):
            places = table.num_embeddings - (padding + 1 if isinstance(padding, int) else 0)
            loaded.max_seq_length = min(loaded.max_seq_length or places, places)


def require_padding(loaded: SentenceTransformer, model: str) -> None:
    """Let a tokenizer without a token for padding take another one: attention never sees it."""
    tokenizer = loaded.tokenizer
    if tokenizer.pad_token is not None:
        return
    others = (tokenizer.eos_token, tokenizer.sep_token, tokenizer.unk_token)
    other = next((one for one in others if one is not None), None)
    if other is None:
        raise SetupError(
            f"{model}: its tokenizer has no token for padding, nor one that could stand for it",
            "name one in tokenizer_config.json: pad_token",
            setting="encoder.model",
        )
    tokenizer.pad_token = other
