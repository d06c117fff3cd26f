"""What a check found, and how a terminal shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is, as it is printed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was seen and, unless it is well, what to do."""

    level: Level
    subject: str
    text: str


def ok(subject: str, text: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, subject, text)


def warn(subject: str, text: str) -> Finding:
    """It works, and should not stay so."""
    return Finding(Level.WARN, subject, text)


def fail(subject: str, text: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(Level.FAIL, subject, text)


def has_failed(findings: Sequence[Finding]) -> bool:
    """Whether anything has to be put right."""
    return any(finding.level is Level.FAIL for finding in findings)


def render(findings: Sequence[Finding]) -> Iterator[str]:
    """A line each, in columns."""
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        text = " ".join(finding.text.split())
        yield f"{finding.level:4}  {finding.subject:{width}}  {text}"
