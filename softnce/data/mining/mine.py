"""Mines (docstring, function) pairs from source code into a set ready to train on."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from softnce.data.dedup import code_tokens, near_duplicates
from softnce.data.layout import writable, write_set
from softnce.data.mining.function_extraction import FileFunctions, Function, Source, extract_all
from softnce.data.mining.sources import sources
from softnce.data.pairs import Entry, digest
from softnce.data.source_code.languages.table import LANGUAGES, languages_named
from softnce.data.splitting import splits
from softnce.errors import DataError

Progress = Callable[[str, int, int], None]  # phase, done, total
_Taken = tuple[Source, Function]

SPLITS = ("train", "valid", "test")
MIN_PACKAGES = 20  # with fewer, a division by package would leave the held-out parts to chance
_LARGEST = 0.25  # of a held-out part, for one package
_CHUNK = 32  # files that a worker takes at a time
_AHEAD = 3  # chunks in flight for each worker: more would be wasted once the cap is reached


@dataclass(frozen=True, slots=True)
class MiningReport:
    """What mining found, kept and dropped.

    Attributes:
        files: read to the end, or until the cap was reached.
        functions: seen in them.
        pairs: kept, by split.
        languages: pairs, by language.
        dropped: functions, by reason.
        skipped: files left out unread, by reason.
        unreadable: files with what is wrong with them.
        packages: repositories or packages that the pairs come from.
        split_by: "package" or "file": what the splits keep whole.
        digest: of the texts, ids and splits; equal to that of the set read back.
        seconds: it took.
    """

    files: int
    functions: int
    pairs: Mapping[str, int]
    languages: Mapping[str, int]
    dropped: Mapping[str, int]
    skipped: Mapping[str, int]
    unreadable: tuple[tuple[str, str], ...]
    packages: int
    split_by: str
    digest: str
    seconds: float


@dataclass(slots=True)
class _Catch:
    """The functions taken so far, in order, each with its file."""

    skipped: Counter[str]
    cap: int | None
    progress: Progress
    taken: list[_Taken] = field(default_factory=list)
    keys: set[bytes] = field(default_factory=set)
    dropped: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[str, str]] = field(default_factory=list)
    files: int = 0
    functions: int = 0

    def fill(self, extracted: Generator[FileFunctions], total: int) -> None:
        """Take what was extracted until the cap is reached."""
        with contextlib.closing(extracted):
            for file in extracted:
                self._add(file)
                if self.cap is None:
                    self.progress("reading files", self.files, total)
                else:
                    self.progress("mining pairs", len(self.taken), self.cap)
                    if len(self.taken) >= self.cap:
                        break

    def _add(self, file: FileFunctions) -> None:
        self.files += 1
        self.functions += file.seen
        self.dropped.update(file.dropped)
        self.skipped.update([file.skipped] if file.skipped else [])
        self.faults += [(file.source.name, file.fault)] if file.fault else []
        for function in file.functions:
            self._take(file.source, function)

    def _take(self, source: Source, function: Function) -> None:
        if function.key in self.keys:
            self.dropped["duplicate of another function"] += 1
        elif self.cap is not None and len(self.taken) >= self.cap:
            self.dropped["beyond the cap"] += 1
        else:
            self.keys.add(function.key)
            self.taken.append((source, function))


def mine(  # noqa: PLR0913 - the front door of mining: each word is one a user types
    paths: Sequence[Path],
    out: Path,
    *,
    languages: Sequence[str] = (),
    max_pairs: int | None = None,
    workers: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> MiningReport:
    """Mine source folders into a set in the GraphCodeBERT layout.

    The same files, seed and cap give the same bytes, on any machine, with any number of workers,
    wherever the folders lie. A package never has functions in two splits where there are enough of
    them, a file never; nor have near-duplicates.

    Args:
        paths: folders or files of code; vendored folders below them are left out.
        out: folder to write; new, empty, or written by mining before.
        languages: names of the only ones wanted; without one, all that can be mined, each by the
            ends of its files' names.
        max_pairs: stop after so many pairs, a varied sample of files; None mines everything.
        workers: processes; None takes every core.
        seed: of the sample and the splits.
        progress: told the phase, how much is done and how much there is.

    Raises:
        DataError: nothing to mine, nothing left, or nowhere to write it.
    """
    started = time.monotonic()
    if max_pairs is not None and max_pairs < 1:
        raise DataError(
            f"max_pairs={max_pairs} leaves nothing to mine",
            "ask for 1 or more",
        )
    spoken = languages_named(languages)
    with writable(out):
        found = sources(paths, spoken, seed=seed)
        catch = _Catch(found.skipped, max_pairs, progress or _say_nothing, faults=found.faults)
        extracted = _extracted(found.files, workers or os.cpu_count() or 1)
        catch.fill(extracted, len(found.files))
        kept = _without_near_duplicates(catch)
        if not kept:
            raise _nothing(paths, catch)
        catch.progress("writing", 0, len(kept))
        unit = _unit(kept)
        parts = _parts(kept, unit, seed)
        report = _report(catch, parts, unit, time.monotonic() - started)
        write_set(out, parts, {**asdict(report), "seed": seed, "paths": _absolute(paths)})
    return report


def _absolute(paths: Sequence[Path]) -> list[str]:
    return [os.fsencode(path.absolute()).decode(errors="replace") for path in paths]


def _say_nothing(_phase: str, _done: int, _total: int) -> None:
    """Serve as a progress that is not shown."""


def _extracted(files: Sequence[Source], workers: int) -> Generator[FileFunctions]:
    """Extract in parallel, given back in order; without a working pool, one file by one."""
    chunks = [files[start : start + _CHUNK] for start in range(0, len(files), _CHUNK)]
    done = 0
    if workers > 1 and len(chunks) > 1:
        try:
            for extracted in _pooled(chunks, min(workers, len(chunks))):
                yield from extracted
                done += 1
        except BrokenProcessPool:  # a worker was killed, or the caller's script has no main guard
            pass
    for chunk in chunks[done:]:
        yield from extract_all(chunk)


def _pooled(chunks: Sequence[Sequence[Source]], workers: int) -> Iterator[list[FileFunctions]]:
    context = multiprocessing.get_context("spawn")  # the parent may hold threads of torch or ray
    pool = ProcessPoolExecutor(
        workers,
        mp_context=context,
        initializer=signal.signal,  # Ctrl-C is the parent's to answer
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        waiting: deque[Future[list[FileFunctions]]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(extract_all, chunk))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _without_near_duplicates(catch: _Catch) -> list[_Taken]:
    catch.progress("removing near-duplicates", 0, len(catch.taken))
    firsts = near_duplicates(
        [function.shingles for _, function in catch.taken],
        tell=partial(catch.progress, "removing near-duplicates"),
    )
    kept = [item for index, item in enumerate(catch.taken) if firsts[index] == index]
    if len(kept) < len(catch.taken):
        catch.dropped["near-duplicate of another function"] = len(catch.taken) - len(kept)
    return kept


def _unit(kept: Sequence[_Taken]) -> str:
    """Say what the splits keep whole: a package where there are enough of them, or a file."""
    packages = {source.package for source, _ in kept}
    files = {source.name for source, _ in kept}
    return "package" if MIN_PACKAGES <= len(packages) < len(files) else "file"


def _parts(kept: Sequence[_Taken], unit: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    parts: dict[str, list[dict[str, Any]]] = {"train": [], "valid": [], "test": []}
    by_package = unit == "package"
    groups = [source.package if by_package else source.name for source, _ in kept]
    chosen = splits(groups, seed=seed, largest=_LARGEST if by_package else 1.0)
    for (source, function), split in zip(kept, chosen, strict=True):
        parts[split].append(_record(source, function, split))
    return {**parts, "codebase": parts["valid"] + parts["test"]}


def _record(source: Source, function: Function, split: str) -> dict[str, Any]:
    return {
        "repo": source.package,
        "path": source.name,
        "func_name": function.name,
        "language": LANGUAGES[source.language].name,
        "code": function.code,
        "code_tokens": code_tokens(function.code),
        "docstring": function.docstring,
        "docstring_tokens": function.query.split(),
        "url": f"{source.name}#L{function.lines[0]}-L{function.lines[1]}",
        "partition": split,
    }


def _report(
    catch: _Catch, parts: Mapping[str, Sequence[Mapping[str, Any]]], unit: str, seconds: float
) -> MiningReport:
    records = [one for split in SPLITS for one in parts[split]]
    return MiningReport(
        files=catch.files,
        functions=catch.functions,
        pairs={split: len(parts[split]) for split in SPLITS},
        languages=dict(Counter(one["language"] for one in records).most_common()),
        dropped=dict(catch.dropped.most_common()),
        skipped=dict(catch.skipped.most_common()),
        unreadable=tuple(sorted(catch.faults)),
        packages=len({one["repo"] for one in records}),
        split_by=unit,
        digest=digest({part: _entries(part, rows) for part, rows in parts.items()}),
        seconds=round(seconds, 2),
    )


def _entries(part: str, records: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Say what reading the part back will find: its pairs, or its queries, or its codes."""
    return [
        (
            "" if part == "codebase" else " ".join(record["docstring_tokens"]),
            "" if part in ("valid", "test") else record["code"],
            record["url"],
        )
        for record in records
    ]


def _nothing(paths: Sequence[Path], catch: _Catch) -> DataError:
    reasons = catch.dropped + catch.skipped + Counter(fault for _, fault in catch.faults)
    why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(5))
    where = ", ".join(map(str, paths))
    return DataError(
        f"no pair found below {where}: {catch.files} files, {catch.functions} functions "
        f"({why or 'no function in them'})",
        "name a folder whose functions have docstrings",
    )
