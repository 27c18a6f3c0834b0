"""The results of the doctor's checks: one line each, and for every fault its cure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from softnce.errors import SoftnceError

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check.

    Attributes:
        level: a warning leaves the set-up fit, a fault does not.
        subject: what was checked.
        found: what the check found.
        cure: what to do; empty where all is well.
    """

    level: Level
    subject: str
    found: str
    cure: str = ""


def ok(subject: str, found: str) -> CheckResult:
    """All is well."""
    return CheckResult("ok", subject, found)


def warning(subject: str, found: str, cure: str) -> CheckResult:
    """It works, but may not do so well, or not for long."""
    return CheckResult("warning", subject, found, cure)


def fault(subject: str, found: str, cure: str) -> CheckResult:
    """It cannot work like this."""
    return CheckResult("fault", subject, found, cure)


def error_result(subject: str, error: SoftnceError, cure: str) -> CheckResult:
    """Return the fault that an error tells; ``cure`` is for an error that knows none."""
    return fault(subject, error.found, error.cure or cure)


def line(result: CheckResult) -> str:
    """Return a result as one line.

    >>> line(fault("token", "can be read by others", "chmod 600 FILE"))
    'fault    token: can be read by others -> chmod 600 FILE'
    """
    cure = f" -> {result.cure}" if result.cure else ""
    return f"{result.level:<8} {result.subject}: {result.found}{cure}"


def summary(results: Sequence[CheckResult]) -> str:
    """Return the last line: fit or not, and the counts."""
    counts = {level: sum(one.level == level for one in results) for level in ("fault", "warning")}
    counted = ", ".join(f"{n} {level}{'s' if n > 1 else ''}" for level, n in counts.items() if n)
    word = "unfit" if counts["fault"] else "fit"
    return f"{word}: {counted or 'nothing to mend'}"


def is_fit(results: Sequence[CheckResult]) -> bool:
    """Tell whether nothing is at fault."""
    return all(one.level != "fault" for one in results)


def record(results: Sequence[CheckResult]) -> dict[str, Any]:
    """Return all results as plain values, for scripts."""
    return {
        "is_fit": is_fit(results),
        "summary": summary(results),
        "checks": [asdict(one) for one in results],
    }
