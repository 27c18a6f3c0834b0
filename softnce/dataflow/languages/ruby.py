"""Ruby."""

from softnce.dataflow import choices, mended, official
from softnce.dataflow.syntax import Shape, Syntax
from softnce.dataflow.walk import Rules

_SHAPE = Shape(atoms=frozenset({"string"}), dropped=frozenset({"comment"}))
_BRANCHES = ("if", "elsif", "else", "unless", "when")


def _each(node: Syntax) -> mended.Ends:
    """Find the pattern of a ``for``, and the collection behind its ``in``."""
    value = node.child("value")
    return node.child("pattern"), value.children[-1] if value and value.children else value


OFFICIAL = Rules(
    shape=_SHAPE,
    of={
        "keyword_parameter": official.definition(),
        "assignment": official.pairs(),
        "operator_assignment": official.pairs(),
        **{
            kind: official.branch(*_BRANCHES, is_onward=False, is_copied=False)
            for kind in _BRANCHES
        },
        "for": official.for_each("pattern", "value", "body", is_paired=True),
        "while_modifier": official.twice,
        "until": official.twice,
    },
)

FIXED = Rules(
    shape=_SHAPE,
    of={
        "keyword_parameter": mended.assignment("name", "value", "comesFrom"),
        "optional_parameter": mended.assignment("name", "value", "comesFrom"),
        "assignment": mended.assignment(),
        "operator_assignment": mended.assignment(),
        "if": mended.branch(),
        "elsif": mended.branch(),
        "unless": mended.branch(),
        "case": choices.cases("when", "else"),
        "case_match": choices.cases("in_clause", "else"),
        "begin": choices.attempt,
        "body_statement": choices.attempt,
        "for": mended.loop(ends=_each),
        "while": mended.loop(),
        "until": mended.loop(),
        "while_modifier": mended.loop(),
        "until_modifier": mended.loop(),
    },
)
