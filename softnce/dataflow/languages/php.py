"""PHP."""

from softnce.dataflow import choices, mended, official
from softnce.dataflow.comments import c_like_uncommented, php_wrapped
from softnce.dataflow.flow import States
from softnce.dataflow.syntax import Shape, Syntax
from softnce.dataflow.walk import NoFlowError, Rules, Steps, Walk


def _official_for_each(walk: Walk, node: Syntax, states: States) -> Steps:
    """Assign the first variable, twice, to the second; break where there are not two."""
    variables = [one for one in node.children if one.type == "variable_name"]
    if len(variables) < 2:
        raise NoFlowError
    start, body = len(walk.flows), node.child("body")
    for _ in range(2):
        states = yield variables[0], states
        official.multiply(walk, variables[1], variables[0], states)
        if body is not None:
            states = yield body, states
    walk.merge(start)
    return states


def _each(node: Syntax) -> mended.Ends:
    """Find what stands before ``as`` and behind it, be they variables, pairs or properties."""
    types = [one.type for one in node.children]
    if "as" not in types or len(types) < types.index("as") + 2:
        return None, None
    place = types.index("as")
    return node.children[place + 1], node.children[place - 1]


OFFICIAL = Rules(
    shape=Shape(atoms=frozenset({"string"}), dropped=frozenset({"comment"})),
    of={
        "simple_parameter": official.definition("name", "default_value"),
        "assignment_expression": official.products(),
        "augmented_assignment_expression": official.products(),
        "update_expression": official.increment,
        "if_statement": official.branch("if_statement", "else_clause"),
        "else_clause": official.branch("if_statement", "else_clause"),
        "for_statement": official.again_behind("assignment_expression"),
        "foreach_statement": _official_for_each,
        "while_statement": official.twice,
    },
    prepared=lambda code: php_wrapped(c_like_uncommented(code)),
)

FIXED = Rules(
    shape=Shape(
        atoms=frozenset({"string", "encapsed_string", "heredoc", "nowdoc"}),
        dropped=frozenset({"comment"}),
    ),
    of={
        "simple_parameter": mended.assignment("name", "default_value", "comesFrom"),
        "property_promotion_parameter": mended.assignment("name", "default_value", "comesFrom"),
        "assignment_expression": mended.assignment(),
        "reference_assignment_expression": mended.assignment(),
        "augmented_assignment_expression": mended.assignment(),
        "update_expression": mended.increment,
        "if_statement": mended.branch(),
        "for_statement": mended.loop(),
        "foreach_statement": mended.loop(ends=_each),
        "while_statement": mended.loop(),
        "do_statement": mended.loop(runs_once=True),
        "switch_statement": choices.cases(
            "case_statement",
            "default_statement",
            heads=("switch_block",),
            falls_through=("case_statement", "default_statement"),
        ),
        "try_statement": choices.attempt,
    },
    seeds=frozenset({"name"}),
    names_below="variable_name",
    prepared=php_wrapped,
)
