"""The code that a study's pairs were mined from, which its champion can be asked about."""

import json
from importlib.util import find_spec
from pathlib import Path

from softnce.data.layout import REPORT
from softnce.data.mining.sources import environment_packages

_PACKAGE = "fsspec"  # stands for all installed packages, which take minutes to read


def code_mined_for(pairs: Path) -> Path | None:
    """Return the code that pairs were mined from; None where they were not, or where it is gone.

    Args:
        pairs: the folder that mining wrote. Of several folders of code the first one counts, and of
            the installed packages a small one.
    """
    try:
        told = json.loads((pairs / REPORT).read_text(encoding="utf-8"))
        named = [Path(one) for one in told["paths"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    found = next((one for one in named if one.exists()), None)
    return _package() if found in environment_packages() else found


def _package() -> Path | None:
    spec = find_spec(_PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
