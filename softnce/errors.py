"""The errors a user can act on, and the exit codes they end in.

Every error says what was found and where (a config key or file:line), and apart from that how to
cure it, where a cure is known.
"""

from typing import ClassVar

EXIT_OK = 0
EXIT_STOPPED = 4  # stopped early, partial results kept: Ctrl-C, SIGTERM, budget spent
EXIT_KILLED = 130  # the second Ctrl-C


class _CurableError(Exception):
    """What was found and how to cure it; both survive the way to another process.

    Attributes:
        found: what is wrong and where, as a clause.
        cure: what to do, as a clause in the imperative; None where nothing is known.
        setting: the config key whose value is at fault, where the raiser knows it apart from the
            sentence; it comes first in the message.
    """

    def __init__(self, found: str, cure: str | None = None, setting: str | None = None) -> None:
        super().__init__(found, cure, setting)
        self.found, self.cure, self.setting = found, cure, setting

    def __str__(self) -> str:
        """Return the message as one sentence: found; cure."""
        found = self.found if self.setting is None else f"{self.setting} {self.found}"
        return found if self.cure is None else f"{found}; {self.cure}"


class SoftnceError(_CurableError):
    """Something a user can mend; the command line prints its message without a traceback."""

    exit_code: ClassVar[int] = 1

    def at(self, setting: str) -> "SoftnceError":
        """Return the same error about another setting."""
        return type(self)(self.found, self.cure, setting)

    def within(self, where: str) -> "SoftnceError":
        """Return the same error with what was found put behind ``where: ``."""
        found = self.found if self.setting is None else f"{self.setting} {self.found}"
        return type(self)(f"{where}: {found}", self.cure)


class ConfigError(SoftnceError):
    """A config key, value, search space or command-line word is wrong."""

    exit_code = 2


class DataError(SoftnceError):
    """A data file is missing, empty, corrupt, or does not fit together."""

    exit_code = 2


class SetupError(SoftnceError):
    """The environment is not ready: a server, a resource, a model or a package is out of reach."""

    exit_code = 3


class RunError(SoftnceError):
    """A training run failed: a loss that is not finite, memory that ran out."""

    exit_code = 1


class InvalidSettingError(_CurableError, ValueError):
    """A value that pydantic refuses; reading a configuration turns it into a ConfigError."""
