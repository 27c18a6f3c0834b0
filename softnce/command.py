"""The ``softnce`` command's first step: a Ctrl-C while it imports ends it without a traceback."""

import signal


def main() -> None:
    """Import the command line and run it; whoever interrupts the import ends it at once."""
    former = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from softnce.__main__ import main as run

    signal.signal(signal.SIGINT, former)
    run()
