"""JavaScript."""

from softnce.dataflow import choices, mended, official
from softnce.dataflow.comments import c_like_uncommented
from softnce.dataflow.syntax import Shape
from softnce.dataflow.walk import Rules

_COMMENTS = frozenset({"comment", "html_comment"})

OFFICIAL = Rules(
    shape=Shape(atoms=frozenset({"string"}), dropped=frozenset({"comment"})),
    of={
        "variable_declarator": official.definition(),
        "assignment_pattern": official.products(),
        "augmented_assignment_expression": official.products(),
        "update_expression": official.increment,
        "if_statement": official.branch("if_statement", "else", "else_clause"),
        "for_statement": official.again_behind("variable_declaration"),
        "while_statement": official.twice,
    },
    prepared=c_like_uncommented,
)

FIXED = Rules(
    shape=Shape(atoms=frozenset({"string", "regex"}), dropped=_COMMENTS),
    of={
        "variable_declarator": mended.assignment("name", "value", "comesFrom"),
        "assignment_pattern": mended.assignment(),
        "assignment_expression": mended.assignment(),
        "augmented_assignment_expression": mended.assignment(),
        "update_expression": mended.increment,
        "if_statement": mended.branch(),
        "for_statement": mended.loop(),
        "for_in_statement": mended.loop(ends=mended.fields("left", "right")),
        "while_statement": mended.loop(),
        "do_statement": mended.loop(runs_once=True),
        "switch_statement": choices.cases(
            "switch_case",
            "switch_default",
            heads=("switch_body",),
            falls_through=("switch_case", "switch_default"),
        ),
        "try_statement": choices.attempt,
    },
    seeds=frozenset({"identifier", "shorthand_property_identifier_pattern"}),
)
