"""What an evaluation reads: queries with their graded answers, and the codebases they search."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from softnce.data.source_code.docstrings import Docstrings

SplitName = Literal["test", "valid", "all"]


@dataclass(frozen=True, slots=True)
class SetOptions:
    """How a set is read.

    Attributes:
        split: whose queries are asked; all: those of valid and test, or every row of one file.
        docstrings: keep leaves the codes as they stand; strip takes their docstrings out; auto
            those docstrings and comments that carry a query of their code, as a search does.
        max_candidates: number of codes to search at most; None searches all.
        columns: the column of query, code, id, language where it has a name of the user's own.
        language: of rows that do not say.
        max_bad_share: a file with a greater share of bad rows is refused, in [0, 1].
        seed: of the sample, and of the division of a single file.
    """

    split: SplitName = "test"
    docstrings: Docstrings = "auto"
    max_candidates: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    language: str = ""
    max_bad_share: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query with the grades of its answers, by their ids; every grade is above 0."""

    text: str
    grades: Mapping[str, float]
    language: str = ""


@dataclass(frozen=True, slots=True)
class SearchedCode:
    """A code that queries search.

    Attributes:
        text: the code.
        language: its name; empty where no row says.
        own: its own description where its row has one: ``strip`` looks for it, too.
        queries: that ask for it in any split.
    """

    text: str
    language: str = ""
    own: str = ""
    queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Codebase:
    """Queries, and the codes by id that each of them is ranked against.

    Attributes:
        name: of the language, where a set has a codebase for each; else empty.
        queries: in the order of their file.
        codes: by id, in the order of their file.
    """

    name: str
    queries: tuple[JudgedQuery, ...]
    codes: Mapping[str, SearchedCode]


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """A set, ready to be ranked.

    Attributes:
        name: of its folder or file.
        codebases: one, or one for each language.
        whole: (queries, candidates) of the set before it was sampled.
        docstrings: what became of docstrings and comments, as ``SetOptions`` has it.
        stripped: codes that lost a docstring or a comment.
        documented: codes that stand with a docstring.
        leaks: queries whose own answer, as it stood in the file, holds them word for word.
        dropped: rows and queries that could not be used, by reason.
        examples: some of these rows, as 'file:line: reason'.
        is_mined: whether it is a folder of code, whose docstrings are the queries of all splits.
    """

    name: str
    codebases: tuple[Codebase, ...]
    whole: tuple[int, int]
    docstrings: Docstrings
    stripped: int
    documented: int
    leaks: int
    dropped: Mapping[str, int]
    examples: tuple[str, ...] = ()
    is_mined: bool = False

    @property
    def queries(self) -> int:
        """The number of queries."""
        return sum(len(one.queries) for one in self.codebases)

    @property
    def candidates(self) -> int:
        """The number of codes, over all codebases."""
        return sum(len(one.codes) for one in self.codebases)
