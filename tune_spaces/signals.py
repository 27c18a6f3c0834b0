"""Ctrl-C and SIGTERM: the first ends a search so that it can go on later, the second at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, final

from softnce.errors import EXIT_KILLED

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_REPLACED = (*_NAMES, signal.SIGUSR1)  # by us, by Ray when it starts, or by Tune


@final
class Signals:
    """Answers the signals while the block runs; use as a context manager around a search.

    While trials run the first signal lets them stop. At any other time there is nothing to stop
    and nothing to lose: it is a KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self._press: Callable[[str], None] | None = None
        self._interrupts = 0
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Signals":
        handlers = {one: signal.getsignal(one) for one in _REPLACED}
        self._former = {one: handler for one, handler in handlers.items() if handler is not None}
        self.renew()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._install(self._former)

    def renew(self) -> None:
        """Replace the handlers that Ray brought along when it was started."""
        self._install(dict.fromkeys(_NAMES, self._handle))

    @contextmanager
    def handed_to(self, press: Callable[[str], None]) -> Iterator[None]:
        """Tell a reason to stop, instead of interrupting."""
        self.renew()
        self._press = press
        try:
            yield
        finally:
            self._press = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGINT and self._interrupts:
            os._exit(EXIT_KILLED)
        self._interrupts += number == signal.SIGINT
        if self._press is None:
            raise KeyboardInterrupt
        self._press(f"stopped by {_NAMES[signal.Signals(number)]}")

    def _install(self, handlers: dict[signal.Signals, Any]) -> None:
        """Set handlers; only the main thread may, and a notebook may search in another."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
