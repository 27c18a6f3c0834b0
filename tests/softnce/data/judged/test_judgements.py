"""Judgements that do not fit: each a bad row with its line, or one clear refusal."""

import json

import pytest

from softnce.data.judged.judged_set import SetOptions
from softnce.data.judged.read import read_evaluation_set
from softnce.errors import DataError

NAMES = ["read", "write", "sort", "merge"]
HEADER = "Language,Query,GitHubUrl,Relevance,Notes"
SOUND = "go,order rows,u/sort,3,"


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def judged(folder, *judgements, header=HEADER):
    codes = [{"url": f"u/{n}", "code": f"func {n}()", "language": "Go"} for n in NAMES]
    lines(folder / "codebase.jsonl", [*codes, {"url": "p/read", "code": "def read(): ..."}])
    (folder / "annotationStore.csv").write_text("\n".join([header, *judgements]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("go,order rows,u/gone,3,", "not in the codebase: u/gone"),
        ("go,order rows,u/sort,7,", "relevance is 7, a number from 0 to 3 is needed"),
        ("go,order rows,u/sort,-1,", "relevance is '-1', a number from 0 to 63 is needed"),
        ("go,order rows,u/sort,nan,", "relevance is 'nan'"),
        ("go,order rows,u/sort,high,", "relevance is 'high'"),
        ("java,order rows,u/sort,3,", "judged as java, and its code is go"),
        ("go,,u/sort,3,", "a judgement needs a query and the id of a code"),
        ("go,order rows,,3,", "a judgement needs a query and the id of a code"),
        ("go,order rows,u/sort", "3 fields where the header has 5"),
    ],
)
def test_a_judgement_that_does_not_fit_is_named_by_its_line(tmp_path, row, said):
    folder = judged(tmp_path, SOUND, row)
    with pytest.raises(DataError) as refused:
        read_evaluation_set(folder, SetOptions())
    assert f"annotationStore.csv:3: {said}" in str(refused.value)
    kept = read_evaluation_set(folder, SetOptions(max_bad_share=0.5))
    assert [dict(one.grades) for one in kept.codebases[0].queries] == [{"u/sort": 3.0}]


def test_a_judgement_without_a_language_has_that_of_its_code(tmp_path):
    folder = judged(tmp_path, SOUND, ",order rows,u/merge,2,", "python,order rows,p/read,1,")
    go, python = read_evaluation_set(folder, SetOptions()).codebases
    assert [dict(one.grades) for one in go.queries] == [{"u/sort": 3.0, "u/merge": 2.0}]
    assert [dict(one.grades) for one in python.queries] == [{"p/read": 1.0}]


def test_a_store_without_languages_is_one_codebase(tmp_path):
    folder = judged(tmp_path, "order rows,u/sort,3", header="Query,GitHubUrl,Relevance")
    (only,) = read_evaluation_set(folder, SetOptions()).codebases
    assert len(only.codes) == 5


def test_queries_without_any_relevant_code_are_counted_or_end_it(tmp_path):
    folder = judged(tmp_path, SOUND, "go,nothing answers,u/read,0,", "go,nothing answers,u/sort,0,")
    found = read_evaluation_set(folder, SetOptions())
    assert found.dropped == {"queries without a right answer in the codebase": 1}
    with pytest.raises(DataError, match="no test queries with a right answer"):
        read_evaluation_set(judged(tmp_path, "go,order rows,u/sort,0,"), SetOptions())


def test_a_query_that_is_not_among_the_queries_is_a_bad_row(tmp_path):
    lines(tmp_path / "corpus.jsonl", [{"_id": n, "text": f"def {n}(): ..."} for n in NAMES])
    lines(tmp_path / "queries.jsonl", [{"_id": "q1", "text": "order the rows"}])
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\tsort\t2\nq9\tsort\t2\n"
    )
    with pytest.raises(DataError, match=r"test.tsv:3: not among the queries: q9"):
        read_evaluation_set(tmp_path, SetOptions())


def test_two_files_of_judgements_are_refused(tmp_path):
    (judged(tmp_path, SOUND) / "qrels.csv").write_text("query,url,score\norder,u/sort,1\n")
    with pytest.raises(DataError, match="two files of judgements"):
        read_evaluation_set(tmp_path, SetOptions())


def test_an_id_of_two_codes_is_a_bad_row(tmp_path):
    judged(tmp_path, SOUND)
    with (tmp_path / "codebase.jsonl").open("a") as file:
        for code in ("func sort()", "func other()"):
            file.write(json.dumps({"url": "u/sort", "code": code}) + "\n")
    with pytest.raises(DataError, match=r"codebase.jsonl:7: an id that another code has, too: u/s"):
        read_evaluation_set(tmp_path, SetOptions())


def test_answers_that_are_not_in_the_codebase_are_counted(tmp_path):
    judged(tmp_path, SOUND)
    (tmp_path / "annotationStore.csv").unlink()
    lines(tmp_path / "test.jsonl", [{"query": "order the rows", "answers": ["u/sort", "u/gone"]}])
    assert read_evaluation_set(tmp_path, SetOptions()).dropped == {
        "answers that are not in the codebase": 1
    }


@pytest.mark.parametrize("answers", ["[" * 100_000, {"u/sort": 10**400}, {"u/sort": True, "x": {}}])
def test_answers_that_cannot_be_read_are_a_bad_row(tmp_path, answers):
    judged(tmp_path, SOUND)
    (tmp_path / "annotationStore.csv").unlink()
    lines(tmp_path / "test.jsonl", [{"query": "order the rows", "answers": answers}])
    with pytest.raises(DataError, match=r"test.jsonl:1: "):
        read_evaluation_set(tmp_path, SetOptions())
