"""The former model stands until its successor is whole, and killed exports leave no litter."""

import signal
import subprocess
import sys

import pytest
import torch

from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.export import export
from softnce.whole_files import torn_beside

WRITER = """
import resource, signal, sys
from pathlib import Path
from tests.softnce.test_export import made
from softnce.export import export
from softnce.whole_files import torn_beside
encoder = made(64)
signal.signal(signal.SIGXFSZ, getattr(signal, sys.argv[2]))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
export(encoder, Path(sys.argv[1]), {})
"""


def made(dimensions):
    tokenizer = train_tokenizer(["read a csv file"] * 9, vocabulary=300, max_length=16)
    generator = torch.Generator().manual_seed(0)
    return static_encoder(
        tokenizer, dimensions=dimensions, similarity="cosine", generator=generator
    )


@pytest.mark.long
@pytest.mark.parametrize(("answer", "code", "torn"), [("SIG_IGN", 1, 0), ("SIG_DFL", None, 1)])
def test_the_champion_stands_where_its_successor_is_cut_short(tmp_path, answer, code, torn):
    champion = export(made(8), tmp_path / "champion", {}, {"config.yaml": "first\n"})
    before = {path.name: path.read_bytes() for path in champion.rglob("*") if path.is_file()}
    ended = subprocess.run([sys.executable, "-c", WRITER, str(champion), answer], check=False)
    assert ended.returncode == (-signal.SIGXFSZ if code is None else code)
    after = {path.name: path.read_bytes() for path in champion.rglob("*") if path.is_file()}
    assert after == before
    assert before["config.yaml"] == b"first\n"
    assert len(torn_beside(champion)) == torn
    assert len(list(tmp_path.iterdir())) == 1 + torn


def test_a_champion_is_replaced_whole_and_other_hidden_folders_are_no_litter(tmp_path):
    champion = tmp_path / "champion"
    export(made(8), champion, {}, {"config.yaml": "first\n", "gone.txt": "x"})
    for name in (".champion-notes-of-mine", ".champion", ".championship-abcdefgh"):
        (tmp_path / name).mkdir()
    export(made(16), champion, {}, {"config.yaml": "second\n"})
    assert (champion / "config.yaml").read_text() == "second\n"
    assert not (champion / "gone.txt").exists()
    assert torn_beside(champion) == []
