"""Draw what ``softnce report STUDY`` shows: uv run python docs/picture.py STUDY OUT.svg."""

import io
import re
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from tune_spaces.ray_session import session
from tune_spaces.report import report
from tune_spaces.study.context import stored_study_context
from tune_spaces.study.optuna_storage import study_id
from tune_spaces.tune.callbacks import tracker_of

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # those of a server elsewhere


class _Page(Console):
    """A console that wraps long sentences, which a terminal would do by itself."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401
        """Print with wrapping at the width."""
        super().print(*objects, **{**options, "soft_wrap": False})


def drawn(study: str, width: int = 112) -> str:
    """Return the report of a study as SVG."""
    console = _Page(record=True, width=width, file=io.StringIO(), force_terminal=True)
    context = stored_study_context(study, console)
    report.show(context, tracker_of(context, study_id(context.folder.stored_study())))
    return _FONTS.sub("", console.export_svg(title=f"softnce report {context.folder.root.name}"))


if __name__ == "__main__":
    session.quiet_environment()
    Path(sys.argv[2]).write_text(drawn(sys.argv[1]), encoding="utf-8")
