"""A syntax tree made small: what the rules of data flow ask of a node, and the code's tokens."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tree_sitter import Node, Tree


@dataclass(slots=True)
class Syntax:
    """A node of the tree.

    Attributes:
        type: of the grammar.
        role: field that it has in its parent, "" for none.
        parent: type of its parent, "" for the root's.
        start: first token inside it.
        stop: one past the last; a comment holds none.
        children: in the order in which they stand; a leaf has none.
    """

    type: str
    role: str
    parent: str
    start: int
    stop: int
    children: "list[Syntax]" = field(default_factory=list)

    @property
    def is_leaf(self) -> bool:
        """Tell whether it is one token."""
        return not self.children and self.stop > self.start

    def child(self, role: str) -> "Syntax | None":
        """Return its first child in a role."""
        return next((one for one in self.children if one.role == role), None)

    def all_in(self, role: str) -> "list[Syntax]":
        """Return its children in a role."""
        return [one for one in self.children if one.role == role]


@dataclass(frozen=True, slots=True)
class Shape:
    """What counts as a token in a language.

    Attributes:
        atoms: node types that are one token, whatever they hold.
        dropped: node types that are none.
        bare: node types that are none where they are a statement by themselves: docstrings.
    """

    atoms: frozenset[str]
    dropped: frozenset[str]
    bare: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A code's tree and its tokens.

    Attributes:
        root: of the tree.
        tokens: text of each token.
        types: node type of each; a keyword's or a sign's is its text.
    """

    root: Syntax
    tokens: list[str]
    types: list[str]

    def is_name(self, token: int) -> bool:
        """Tell a name, a literal or a string from a keyword or a sign."""
        return self.types[token] != self.tokens[token]

    def names(self, node: Syntax) -> tuple[int, ...]:
        """Return the tokens inside a node that are no keywords or signs."""
        return tuple(one for one in range(node.start, node.stop) if self.is_name(one))


def parsed(tree: Tree, source: bytes, shape: Shape) -> Parsed:
    """Copy a tree in one walk, which no depth of nesting stops.

    Args:
        tree: of the source.
        source: UTF-8; places are counted in its bytes.
        shape: of the language.
    """
    whole = Parsed(Syntax("", "", "", 0, 0), [], [])
    open_nodes = [whole.root]
    for node, role, depth in _nodes(tree, shape):
        while len(open_nodes) > depth + 1:
            open_nodes.pop().stop = len(whole.tokens)
        start = len(whole.tokens)
        parent = open_nodes[-1]
        one = Syntax(node.type, role, parent.type, start, start)
        parent.children.append(one)
        if _is_token(node, shape):
            whole.tokens.append(source[node.start_byte : node.end_byte].decode(errors="replace"))
            whole.types.append(node.type)
            one.stop = len(whole.tokens)
        open_nodes.append(one)
    for one in open_nodes:
        one.stop = len(whole.tokens)
    return whole


def _nodes(tree: Tree, shape: Shape) -> Iterator[tuple[Node, str, int]]:
    """Walk a tree in order, down to its tokens: each node, its field, its depth."""
    cursor, depth = tree.walk(), 0
    while cursor.node is not None:
        node = cursor.node
        yield node, cursor.field_name or "", depth
        if not _is_token(node, shape) and not _is_dropped(node, shape):
            cursor.goto_first_child()
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            depth -= 1


def _is_token(node: Node, shape: Shape) -> bool:
    return (node.child_count == 0 or node.type in shape.atoms) and node.type not in shape.dropped


def _is_dropped(node: Node, shape: Shape) -> bool:
    if node.type in shape.dropped:
        return True
    if not shape.bare or node.type != "expression_statement" or node.child_count != 1:
        return False
    only = node.child(0)
    return only is not None and only.type in shape.bare
