"""The errors a user can act on, and the exit codes they end in.

Every message is one or two lines: what was found, where (a config key or file:line), how to
mend it.
"""

from typing import ClassVar

EXIT_OK = 0
EXIT_STOPPED = 4  # stopped early, partial results kept: Ctrl-C, SIGTERM, budget spent
EXIT_KILLED = 130  # the second Ctrl-C


class SoftnceError(Exception):
    """Something a user can mend; the command line prints its message without a traceback."""

    exit_code: ClassVar[int] = 1


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
