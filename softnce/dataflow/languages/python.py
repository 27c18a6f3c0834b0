"""Python."""

from softnce.dataflow import choices, mended, official
from softnce.dataflow.comments import python_uncommented
from softnce.dataflow.syntax import Shape
from softnce.dataflow.walk import Rules

_SHAPE = Shape(atoms=frozenset({"string"}), dropped=frozenset({"comment"}))

OFFICIAL = Rules(
    shape=_SHAPE,
    of={
        "default_parameter": official.definition(),
        "assignment": official.pairs(),
        "augmented_assignment": official.pairs(),
        "for_in_clause": official.pairs(),
        "if_statement": official.branch(
            "elif_clause", "else_clause", is_onward=False, keeps_before=False
        ),
        "for_statement": official.for_each("left", "right", "", is_paired=True),
        "while_statement": official.twice,
    },
    first="for_in_clause",
    prepared=python_uncommented,
)

FIXED = Rules(
    shape=Shape(
        atoms=_SHAPE.atoms,
        dropped=_SHAPE.dropped,
        bare=frozenset({"string", "concatenated_string"}),
    ),
    of={
        "default_parameter": mended.assignment("name", "value", "comesFrom"),
        "typed_default_parameter": mended.assignment("name", "value", "comesFrom"),
        "assignment": mended.assignment(),
        "augmented_assignment": mended.assignment(),
        "named_expression": mended.assignment("name", "value"),
        "as_pattern": mended.alias,
        "for_in_clause": mended.assignment(),
        "if_statement": mended.branch(),
        "for_statement": mended.loop(ends=mended.fields("left", "right")),
        "while_statement": mended.loop(),
        "match_statement": choices.cases("case_clause", heads=("block",)),
        "try_statement": choices.attempt,
    },
    first="for_in_clause",
)
