"""A shell completes the verbs and options of the command."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("softnce sea", {"search"}), ("softnce search --warm", {"--warm-from"})],
)
def test_a_shell_completes_verbs_and_options(words, wanted):
    asked = {
        "_SOFTNCE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "softnce"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(ended.stdout.split()) == wanted
