"""Java."""

from softnce.dataflow import choices, mended, official
from softnce.dataflow.comments import c_like_uncommented
from softnce.dataflow.syntax import Shape
from softnce.dataflow.walk import Rules

OFFICIAL = Rules(
    shape=Shape(atoms=frozenset({"string"}), dropped=frozenset({"comment"})),
    of={
        "variable_declarator": official.definition(),
        "assignment_expression": official.products(),
        "update_expression": official.increment,
        "if_statement": official.branch("if_statement", "else"),
        "for_statement": official.again_behind("local_variable_declaration"),
        "enhanced_for_statement": official.for_each("name", "value", "body", is_paired=False),
        "while_statement": official.twice,
    },
    prepared=c_like_uncommented,
)

FIXED = Rules(
    shape=Shape(
        atoms=frozenset({"string_literal", "character_literal"}),
        dropped=frozenset({"line_comment", "block_comment"}),
    ),
    of={
        "variable_declarator": mended.assignment("name", "value", "comesFrom"),
        "assignment_expression": mended.assignment(),
        "update_expression": mended.increment,
        "if_statement": mended.branch(),
        "for_statement": mended.loop(),
        "enhanced_for_statement": mended.loop(ends=mended.fields("name", "value")),
        "while_statement": mended.loop(),
        "do_statement": mended.loop(runs_once=True),
        "switch_expression": choices.cases(
            "switch_block_statement_group",
            "switch_rule",
            heads=("switch_block",),
            falls_through=("switch_block_statement_group",),
        ),
        "try_statement": choices.attempt,
        "try_with_resources_statement": choices.attempt,
        "resource": mended.assignment("name", "value", "comesFrom"),
    },
)
