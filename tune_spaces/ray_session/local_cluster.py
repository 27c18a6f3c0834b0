"""What keeps strangers from a Ray cluster on this machine: a token, and folders of our own."""

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from softnce.errors import SetupError
from tune_spaces.ray_session.folders import session_folder

_MODES = ("token", "disabled")


def require_known_mode() -> None:
    """Check that RAY_AUTH_MODE is one of Ray's: it takes a misspelt one for disabled.

    Raises:
        SetupError: it is not.
    """
    mode = os.environ.get("RAY_AUTH_MODE", "")
    if mode and mode.lower() not in _MODES:
        raise SetupError(
            f"RAY_AUTH_MODE={mode}: Ray knows {' and '.join(_MODES)}, and takes anything else for "
            "disabled, which lets anybody in",
            "correct it, or unset it",
        )


@contextmanager
def closed_to_strangers() -> Iterator[Path]:
    """Give the cluster that is started in the block a token and a folder that nobody else reads.

    Ray opens its ports to the whole network, and its folders to all users of the machine. Whatever
    RAY_AUTH_MODE says, a local cluster has a token; afterwards the environment is as it was.

    Yields:
        The folder for what Ray writes; it goes with the block, unless an error names it.

    Raises:
        SetupError: RAY_TMPDIR names no folder.
    """
    place = Path(os.environ.get("RAY_TMPDIR") or "/tmp")  # noqa: S108  (short, unlike TMPDIR)
    if not place.is_dir():
        raise SetupError(f"RAY_TMPDIR={place}: no such folder", "make it, or unset RAY_TMPDIR")
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    former = {name: os.environ.get(name) for name in token}
    _let_ray_know(token)
    try:
        with session_folder(place) as folder:
            yield folder / "r"  # Ray opens what it is given to all; paths of sockets must be short
    finally:
        _let_ray_know(former)


def _let_ray_know(variables: Mapping[str, str | None]) -> None:
    """Set or unset variables; Ray, once imported, looks at them again only when it is told."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if "ray" in sys.modules:
        from ray._raylet import (  # type: ignore[attr-defined]  # compiled, without annotations
            AuthenticationTokenLoader,
            Config,
        )

        Config.initialize("")
        AuthenticationTokenLoader.instance().reset_cache()
