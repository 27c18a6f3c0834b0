"""A small code base and a small static model, made once."""

import pytest
import torch

from softnce.encoders.static import static_encoder, train_tokenizer
from softnce.export import export

READ = '''
def read_table(path):
    """Read a table of numbers from a file."""
    rows = open(path).read().splitlines()
    return [row.split(",") for row in rows]
'''
SOCKET = '''
import functools


class Socket:
    @functools.cache
    # made once
    def connect(self, host):
        """Open a connection to a host."""
        def retry():
            return self.connect(host)
        return retry

    async def close(self): ...
'''
SORT = "def sort_names(names):\n    return sorted(names, key=str.lower)\n"


@pytest.fixture
def code_base(tmp_path):
    """A folder with three files of code, and one of tests."""
    root = tmp_path / "project"
    (root / "net").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "read.py").write_text(READ)
    (root / "net" / "socket.py").write_text(SOCKET)
    (root / "net" / "sort.py").write_text(SORT)
    (root / "tests" / "test_read.py").write_text("def test_read_table():\n    assert True\n")
    return root


@pytest.fixture(scope="session")
def static_folder(tmp_path_factory):
    """A folder of an untrained static model that knows some words."""
    texts = [READ, SOCKET, SORT, "read a table from a file", "sort names", "open a connection"]
    tokenizer = train_tokenizer(texts * 5, vocabulary=400, max_length=64)
    encoder = static_encoder(
        tokenizer, dimensions=16, similarity="cosine", generator=torch.Generator().manual_seed(0)
    )
    return export(encoder, tmp_path_factory.mktemp("static") / "model", {})
