"""Go."""

from softnce.dataflow import choices, mended, official
from softnce.dataflow.comments import c_like_uncommented
from softnce.dataflow.syntax import Shape
from softnce.dataflow.walk import Rules

OFFICIAL = Rules(
    shape=Shape(atoms=frozenset({"string"}), dropped=frozenset({"comment"})),
    of={
        "var_spec": official.definition(),
        "assignment_statement": official.products(),
        "inc_statement": official.increment,
        "if_statement": official.branch("if_statement", "else"),
        "for_statement": official.again_behind("for_clause", update="update"),
    },
    prepared=c_like_uncommented,
)

FIXED = Rules(
    shape=Shape(
        atoms=frozenset({"interpreted_string_literal", "raw_string_literal", "rune_literal"}),
        dropped=frozenset({"comment"}),
    ),
    of={
        "var_spec": mended.assignment("name", "value", "comesFrom"),
        "const_spec": mended.assignment("name", "value", "comesFrom"),
        "short_var_declaration": mended.assignment(),
        "assignment_statement": mended.assignment(),
        "inc_statement": mended.increment,
        "dec_statement": mended.increment,
        "if_statement": mended.branch(),
        "expression_switch_statement": choices.cases("expression_case", "default_case"),
        "type_switch_statement": choices.cases("type_case", "default_case"),
        "select_statement": choices.cases("communication_case", "default_case", is_exhaustive=True),
        "for_statement": mended.loop(
            ends=mended.fields("left", "right"), heads=("for_clause", "range_clause")
        ),
    },
)
