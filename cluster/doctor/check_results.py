"""What the doctor finds: one line each, and for what is not well, its cure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of an examination.

    Attributes:
        level: a warning leaves the set-up fit, a fault does not.
        subject: what was looked at.
        said: what was found.
        cure: what to do; empty where all is well.
    """

    level: Level
    subject: str
    said: str
    cure: str = ""


def ok(subject: str, said: str) -> Finding:
    """All is well."""
    return Finding("ok", subject, said)


def warning(subject: str, said: str, cure: str) -> Finding:
    """It works, but may not do so well, or not for long."""
    return Finding("warning", subject, said, cure)


def fault(subject: str, said: str, cure: str) -> Finding:
    """It cannot work like this."""
    return Finding("fault", subject, said, cure)


def line(finding: Finding) -> str:
    """Return a finding as one line.

    >>> line(fault("token", "can be read by others", "chmod 600 FILE"))
    'fault    token: can be read by others -> chmod 600 FILE'
    """
    cure = f" -> {finding.cure}" if finding.cure else ""
    return f"{finding.level:<8} {finding.subject}: {finding.said}{cure}"


def summary(findings: Sequence[Finding]) -> str:
    """Return the last line: fit or not, and the counts."""
    counts = {level: sum(one.level == level for one in findings) for level in ("fault", "warning")}
    told = ", ".join(f"{n} {level}{'s' if n > 1 else ''}" for level, n in counts.items() if n)
    word = "unfit" if counts["fault"] else "fit"
    return f"{word}: {told or 'nothing to mend'}"


def is_fit(findings: Sequence[Finding]) -> bool:
    """Tell whether nothing is at fault."""
    return all(one.level != "fault" for one in findings)
