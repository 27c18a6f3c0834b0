"""What training and evaluation read: pairs, the queries of a split, the codes they search."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from softnce.data.code_texts import (
    KEPT_UNLESS_COPIED,
    DocstringRule,
    function_of,
    handed_out,
    training_texts,
)
from softnce.data.dedup import Groups, code_tokens, near_duplicates, shingles
from softnce.data.reading import Tally, UniqueIds, coded, complete, part_files, with_query
from softnce.data.records import Record, check_columns, key_of, missing_column, record
from softnce.data.source_code.docstrings import occurs, squeezed
from softnce.data.splitting import splits
from softnce.data.tables import require_there, rows
from softnce.errors import DataError

Entry = tuple[str, str, str]  # query, code, id


@dataclass(frozen=True, slots=True)
class Pair:
    """One query and the function that answers it; the id is the function's address.

    ``negatives`` are codes that are known not to answer it.
    """

    query: str
    code: str
    id: str
    language: str = ""
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitQueries:
    """The queries of a held-out split; ``answers`` are their places among the candidates.

    ``languages`` are those of their functions.
    """

    texts: tuple[str, ...] = ()
    answers: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of the rows of a set.

    Attributes:
        rows: read from all files.
        kept: of them.
        dropped: the others, by reason.
        examples: some of them, as 'file:line: reason'.
        repeats: codes that still hold a query of theirs, in a string they use.
        stripped: functions whose docstring, or a comment, is not handed out.
        documented: functions that are handed out with a docstring, or a part of it.
    """

    rows: int = 0
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()
    repeats: int = 0
    stripped: int = 0
    documented: int = 0

    @property
    def left_out(self) -> str:
        """Say what was dropped and where the first of it stands; nothing where all was kept.

        >>> Reading(9, 8, {"not UTF-8": 1}, ("a.jsonl:3: not UTF-8",)).left_out
        '1 of 9 rows left out: a.jsonl:3: not UTF-8'
        """
        if not self.dropped:
            return ""
        why = ", ".join(f"{count:,} x {reason}" for reason, count in self.dropped.items())
        count, first = sum(self.dropped.values()), next(iter(self.examples), "")
        told = first if first and count == 1 else f"{why}; the first: {first}" if first else why
        return f"{count:,} of {self.rows:,} rows left out: {told}"


@dataclass(frozen=True, slots=True)
class PairSet:
    """A data set: pairs to train on, queries to validate and test with, codes to search.

    The candidates' languages are empty where no row says them.
    """

    name: str
    train: tuple[Pair, ...]
    valid: SplitQueries
    test: SplitQueries
    candidates: tuple[str, ...]
    candidate_ids: tuple[str, ...]
    candidate_languages: tuple[str, ...]
    reading: Reading

    @property
    def digest(self) -> str:
        """Name the set by its texts, ids and splits: equal sets, equal digests, anywhere."""
        parts = {
            "train": [(pair.query, pair.code, pair.id) for pair in self.train],
            "valid": self._entries(self.valid),
            "test": self._entries(self.test),
            "codebase": [
                ("", code, name)
                for code, name in zip(self.candidates, self.candidate_ids, strict=True)
            ],
        }
        opposed = [("", code, pair.id) for pair in self.train for code in pair.negatives]
        return digest(parts | ({"negatives": opposed} if opposed else {}))

    def _entries(self, queries: SplitQueries) -> list[Entry]:
        pairs = zip(queries.texts, queries.answers, strict=True)
        return [(text, "", self.candidate_ids[answer]) for text, answer in pairs]


def digest(parts: Mapping[str, Sequence[Entry]]) -> str:
    """Hash the entries of each part in order; hard negatives count where there are some.

    Returns:
        A SHA-256 in hex.
    """
    total = hashlib.sha256()
    optional = ("negatives",) if "negatives" in parts else ()
    for part in ("train", "valid", "test", "codebase", *optional):
        total.update(f"{part} {len(parts[part])}\n".encode())
        for text in (text for entry in parts[part] for text in entry):
            content = text.encode()
            total.update(len(content).to_bytes(8, "big"))
            total.update(content)
    return total.hexdigest()


def read_pairs(  # noqa: PLR0913 - the front door of reading: each word is one a user sets
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    language: str | None = None,
    max_bad_share: float = 0.05,
    seed: int = 0,
    negatives: int = 0,
    docstrings: DocstringRule = KEPT_UNLESS_COPIED,
) -> PairSet:
    """Read a data set; but for ``keep`` no docstring or comment handed out carries its query.

    Args:
        path: a folder with ``train|valid|test|codebase`` files (JSON lines, CSV, parquet), or one
            file of pairs, which is divided 80/10/10; near-duplicates, and rows of one query,
            stay on one side.
        columns: the column of query, code, id, language, negatives where it has a name of your
            own.
        language: of rows that do not say.
        max_bad_share: a file with a greater share of bad rows is refused, in [0, 1].
        seed: of the division of a single file, and of the draw of ``docstrings.other_lines``.
        negatives: hard negatives of each training pair, from the column ``negatives``: one code or
            a list of them, the first ones counting; a row with fewer is bad. 0 reads none.
        docstrings: what becomes of them, the same in training, validation and test.

    Raises:
        DataError: something is missing, damaged or bad beyond the share; the message names it.
    """
    check_columns(columns or {})
    require_there(path, "check the path")
    tally = Tally(max_bad_share, (language or "").strip().lower())
    if path.is_dir():
        name, parts = path.resolve().name, _read_folder(path, columns or {}, tally, negatives)
    else:
        name, parts = path.name.split(".")[0], {}
        found = tally.read(path, columns or {}, complete, negatives=negatives)
        chosen = splits(families(found), seed=seed)
        for split in ("train", "valid", "test"):
            parts[split] = [one for one, own in zip(found, chosen, strict=True) if own == split]
    return _assembled(name, parts, tally, docstrings, seed)


def _read_folder(
    folder: Path, columns: Mapping[str, str], tally: Tally, negatives: int
) -> dict[str, list[Record]]:
    files = part_files(folder)
    once = UniqueIds(coded)
    parts = {
        part: [
            item
            for path in files.get(part, [])
            for item in tally.read(path, columns, refine, negatives=count)
        ]
        for part, refine, count in (("codebase", once, 0), ("train", complete, negatives))
    }
    known = {item.id for item in parts["codebase"]}

    def placed(item: Record) -> Record:
        if item.id not in known:
            return replace(item, fault=f"not in the codebase: {item.id or 'it has no url'}")
        return with_query(item)

    for part in ("valid", "test"):
        parts[part] = []
        for path in files.get(part, []):
            if not known:
                check_has_code(path, columns)
            parts[part] += tally.read(path, columns, placed if known else complete)
    return parts


def check_has_code(path: Path, columns: Mapping[str, str]) -> None:
    """Tell a query file of the GraphCodeBERT set, whose code is elsewhere, from a bad one."""
    head = list(itertools.islice(rows(path), 20))
    if any(not row.fault and missing_column(row, columns, needs=()) for row in head):
        return  # which column is missing is told where the file is read
    first = [record(row, columns) for row in head]
    if first and not any(item.code or item.fault for item in first):
        raise DataError(
            f"{path} holds queries without code, and {path.parent} has no codebase file to find "
            "it in",
            "put the set's codebase.jsonl.gz there",
        )


def families(found: Sequence[Record]) -> list[str]:
    """Name the group of each record, in any row order: near-same codes, equal ids or queries."""
    tokens = [code_tokens(item.code) for item in found]
    groups = Groups(near_duplicates([shingles(item) for item in tokens]))
    seen: dict[tuple[str, str], int] = {}
    for index, item in enumerate(found):
        for same in (("id", item.id), ("query", squeezed(item.query))):
            if same[1]:
                groups.join(seen.setdefault(same, index), index)
    roots = groups.roots()
    names: dict[int, str] = {}
    for root, words in zip(roots, tokens, strict=True):
        name = hashlib.sha256(" ".join(words).encode()).hexdigest()
        names[root] = min(name, names.get(root, name))
    return [names[root] for root in roots]


def _assembled(
    name: str,
    parts: Mapping[str, Sequence[Record]],
    tally: Tally,
    docstrings: DocstringRule,
    seed: int,
) -> PairSet:
    queries = [*parts["valid"], *parts["test"]]
    codebase = {key_of(item): item for item in reversed(parts.get("codebase") or queries)}
    codebase = dict(reversed(codebase.items()))
    queries_of: dict[str, list[str]] = {key: [] for key in codebase}
    for item in queries:
        queries_of[key_of(item)].append(item.query)
    searched = [function_of(item, queries_of[key]) for key, item in codebase.items()]
    codes = handed_out(searched, docstrings.mode)
    functions, own, negatives = training_texts(parts["train"], queries_of, docstrings, seed)
    train = tuple(
        Pair(item.query, code, key_of(item), item.language, opposed)
        for item, code, opposed in zip(parts["train"], own, negatives, strict=True)
    )
    places = {key: place for place, key in enumerate(codebase)}
    texts = [*zip(searched, codes, strict=True)]
    texts += [*zip(functions, own, strict=True)]
    return PairSet(
        name=name,
        train=train,
        valid=_queries(parts["valid"], places),
        test=_queries(parts["test"], places),
        candidates=tuple(codes),
        candidate_ids=tuple(codebase),
        candidate_languages=tuple(one.language for one in searched),
        reading=Reading(
            rows=tally.rows,
            kept=tally.rows - tally.dropped.total(),
            dropped=dict(tally.dropped.most_common()),
            examples=tuple(tally.examples),
            repeats=sum(occurs(pair.query, pair.code) for pair in train)
            + sum(
                any(occurs(query, code) for query in one.queries)
                for one, code in zip(searched, codes, strict=True)
            ),
            stripped=len({one.source for one, text in texts if text != one.source}),
            documented=len({one.source for one, text in texts if len(text) > len(one.bare)}),
        ),
    )


def _queries(found: Sequence[Record], places: Mapping[str, int]) -> SplitQueries:
    return SplitQueries(
        tuple(item.query for item in found),
        tuple(places[key_of(item)] for item in found),
        tuple(item.language for item in found),
    )
