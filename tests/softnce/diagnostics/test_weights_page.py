"""The verb ``weights``: its page, its tables, and one line for each mistake."""

import pytest

from softnce.data.pairs import Pair
from softnce.diagnostics.human_agreement import Agreement
from softnce.diagnostics.weight_analysis import views
from softnce.diagnostics.weight_page import write_page
from tests.softnce.diagnostics.made_data import BM25, PLAIN, made, set_folder, typed

EVIL = "<script>alert('x')</script> & [red]${\\frac}$"


def test_texts_are_escaped_on_the_page(tmp_path):
    pairs = [*made(10), Pair(EVIL, f"def f(): '''{EVIL}'''", "x"), Pair(EVIL, "def g(): 1", "y")]
    seen = views(pairs, BM25, PLAIN, batch_size=12, most=3)
    people = [Agreement(EVIL, "code", 0.5, 0.5, (5, 5))]
    write_page(tmp_path / "out", EVIL, seen, people, most=3)
    page = (tmp_path / "out" / "weights.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("https://", "http://")
    assert (tmp_path / "out" / "weights.png").read_bytes().startswith(b"\x89PNG")


def test_the_verb_writes_a_page_and_shows_tables(tmp_path):
    folder = set_folder(tmp_path / "set")
    done = typed(folder, "--batch-size", 40, "--out", "seen", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "bm25-lucene: turned down most" in done.stdout
    assert "AUC" in done.stdout
    assert "data:image/png;base64," in (tmp_path / "seen" / "weights.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["set", "--estimator", "bm52"], "--estimator bm52: unknown; give bm25, bm25-official"),
        (["set", "--estimator", "mixture"], "and fewer than two are requested"),
        (["set", "--study", "set"], "--study set: not a study's folder"),
        (["set", "--scale", "cooked"], "'cooked' is not one of 'standardised', 'raw'"),
        (["set", "--floor", "1.5"], "'--floor': Input should be less than or equal to 1"),
        (["set", "--batch-size", "500"], "80 training pairs do not fill one batch of 500"),
        (["set", "--batch-size", "2"], "alpha=1 and beta=1 need more than 1 negatives"),
        (["set", "--batch-size", "8", "--temperature", "0"], "weights.temperature=0.0 is out"),
        (["set", "--batch-size", "8", "--model", "./none"], "there is no such folder"),
        (["set", "--batch-size", "8", "--out", "set/train.jsonl.gz"], "cannot be written"),
    ],
)
def test_a_mistake_is_answered_with_one_line(tmp_path, words, said):
    set_folder(tmp_path / "set")
    done = typed(*words, cwd=tmp_path)
    assert done.returncode == (3 if "--model" in words else 2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert sum("error:" in line for line in done.stderr.splitlines()) == 1
