"""Sets to evaluate on, in each of their forms, and what is refused or counted in them."""

import csv
import gzip
import json

import pytest

from softnce.data.code_texts import DocstringRule
from softnce.data.judged.judged_set import SetOptions
from softnce.data.judged.read import read_evaluation_set
from softnce.data.pairs import read_pairs
from softnce.errors import ConfigError, DataError

CODE = "def {0}(rows):\n    return {0}_of(rows)"
NAMES = ["read", "write", "sort", "merge", "split", "join", "count", "find"]


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")


def codebase(folder, names=NAMES, **more):
    lines(
        folder / "codebase.jsonl",
        [{"url": f"u/{n}", "code": CODE.format(n), "docstring": "", **more} for n in names],
    )


def asked(folder, rows):
    lines(folder / "test.jsonl", rows)


def only(found):
    (one,) = found.codebases
    return one


@pytest.mark.parametrize("mode", ["auto", "strip", "keep"])
@pytest.mark.parametrize("name", ["csn-ruby", "csn-python-original"])
def test_a_folder_of_splits_is_read_as_a_search_reads_it(real_data, name, mode):
    pairs = read_pairs(real_data / name, docstrings=DocstringRule(mode))
    found = only(read_evaluation_set(real_data / name, SetOptions(docstrings=mode)))
    assert tuple(one.text for one in found.codes.values()) == pairs.candidates
    assert tuple(one.text for one in found.queries) == pairs.test.texts
    answers = [next(iter(one.grades)) for one in found.queries]
    assert answers == [pairs.candidate_ids[row] for row in pairs.test.answers]


def test_one_file_is_divided_as_a_search_divides_it(made_pairs):
    pairs = read_pairs(made_pairs)
    found = only(read_evaluation_set(made_pairs, SetOptions()))
    assert tuple(one.text for one in found.queries) == pairs.test.texts
    assert tuple(found.codes) == pairs.candidate_ids
    assert read_evaluation_set(made_pairs, SetOptions(split="all")).whole == (900, 900)


def test_docstrings_are_stripped_where_they_are_the_queries_and_kept_elsewhere(real_data):
    leaking = read_evaluation_set(real_data / "csn-python-original", SetOptions())
    assert (leaking.stripped, leaking.documented, leaking.leaks) == (120, 0, 119)
    kept = read_evaluation_set(real_data / "cosqa", SetOptions())
    assert kept.documented > 0.97 * kept.candidates
    assert 0 < kept.stripped < 0.03 * kept.candidates


def test_a_row_may_list_several_answers_or_grade_them(tmp_path):
    codebase(tmp_path)
    asked(
        tmp_path,
        [
            {"query": "get the rows", "url": ["u/read", "u/find"]},
            {"query": "order the rows", "answers": {"u/sort": 3, "u/merge": 1, "u/join": 0}},
            {"query": "put the rows", "answers": ["u/write"]},
        ],
    )
    grades = [dict(one.grades) for one in only(read_evaluation_set(tmp_path, SetOptions())).queries]
    assert grades == [
        {"u/read": 1.0, "u/find": 1.0},
        {"u/sort": 3.0, "u/merge": 1.0},
        {"u/write": 1.0},
    ]


def test_rows_that_grade_one_answer_each_are_joined_by_their_query(tmp_path):
    codebase(tmp_path)
    asked(
        tmp_path,
        [
            {"query": "order the rows", "url": "u/sort", "relevance": 3},
            {"query": "order the rows", "url": "u/merge", "relevance": 1},
            {"query": "order the rows", "url": "u/read", "relevance": 0},
            {"query": "no answer is right", "url": "u/read", "relevance": 0},
        ],
    )
    found = read_evaluation_set(tmp_path, SetOptions())
    assert [dict(one.grades) for one in only(found).queries] == [{"u/sort": 3.0, "u/merge": 1.0}]
    assert found.dropped == {"queries without a right answer in the codebase": 1}


def test_a_folder_of_languages_is_ranked_language_by_language(real_data):
    found = read_evaluation_set(real_data / "puzzle-six", SetOptions())
    assert [one.name for one in found.codebases] == [
        "go", "java", "javascript", "php", "python", "ruby"
    ]  # fmt: skip
    assert found.whole == (599, 927)


def test_the_judgements_of_code_search_net_are_averaged_by_language(tmp_path):
    codebase(tmp_path, NAMES[:4], language="Go")
    lines(
        tmp_path / "corpus.jsonl",
        [{"_id": "p/read", "title": "", "text": "def read(): ...", "language": "Python"}],
    )
    with gzip.open(tmp_path / "annotationStore.csv.gz", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Language", "Query", "GitHubUrl", "Relevance", "Notes"])
        writer.writerow(["Go", "order rows", "u/sort", 3, ""])
        writer.writerow(["Go", "order rows", "u/sort", 2, ""])
        writer.writerow(["Go", "order rows", "u/read", 0, "no"])
        writer.writerow(["Python", "order rows", "p/read", 1, ""])
    go, python = read_evaluation_set(tmp_path, SetOptions()).codebases
    assert [dict(one.grades) for one in go.queries] == [{"u/sort": 2.5}]
    assert (len(go.codes), list(python.codes)) == (4, ["p/read"])


def test_real_judgements_without_the_code_they_judge_are_refused(real_data):
    with pytest.raises(DataError, match="has no codebase file with their code; put the set's"):
        read_evaluation_set(real_data / "csn-human-relevance", SetOptions())


def test_a_set_of_beir_is_read_by_its_qrels(tmp_path):
    lines(tmp_path / "corpus.jsonl", [{"_id": n, "text": CODE.format(n)} for n in NAMES])
    lines(tmp_path / "queries.jsonl", [{"_id": "q1", "text": "order the rows"}])
    qrels = tmp_path / "qrels" / "test.tsv"
    qrels.parent.mkdir()
    qrels.write_text("query-id\tcorpus-id\tscore\nq1\tsort\t2\nq1\tmerge\t1\n")
    (query,) = only(read_evaluation_set(tmp_path, SetOptions())).queries
    assert (query.text, dict(query.grades)) == ("order the rows", {"sort": 2.0, "merge": 1.0})


def test_a_query_whose_answer_is_missing_is_counted_or_refused(tmp_path):
    codebase(tmp_path)
    rows = [{"query": f"number {n}", "url": f"u/{NAMES[n % 8]}"} for n in range(30)]
    asked(tmp_path, [*rows, {"query": "nowhere", "url": "u/gone"}])
    found = read_evaluation_set(tmp_path, SetOptions())
    assert (found.queries, found.dropped) == (30, {"not in the codebase": 1})
    with pytest.raises(DataError, match=r"test.jsonl:31: not in the codebase: u/gone"):
        read_evaluation_set(tmp_path, SetOptions(max_bad_share=0.0))


def test_a_grade_that_is_no_number_is_a_bad_row(tmp_path):
    codebase(tmp_path)
    asked(tmp_path, [{"query": "order rows", "url": "u/sort", "relevance": "high"}])
    with pytest.raises(DataError, match="relevance is 'high', a number from 0 to 63 is needed"):
        read_evaluation_set(tmp_path, SetOptions())


def test_a_set_without_queries_of_the_split_is_refused(tmp_path):
    codebase(tmp_path)
    lines(tmp_path / "train.jsonl", [{"query": "read rows", "code": "def f(): pass"}])
    with pytest.raises(DataError, match="no test queries with a right answer"):
        read_evaluation_set(tmp_path, SetOptions())


def test_a_sample_is_seeded_and_keeps_all_right_answers(made_pairs):
    options = SetOptions(split="all", max_candidates=100)
    found, again = (only(read_evaluation_set(made_pairs, options)) for _ in range(2))
    assert found == again
    assert (len(found.codes), len(found.queries)) == (100, 50)
    assert all(one.grades.keys() <= found.codes.keys() for one in found.queries)
    other = read_evaluation_set(made_pairs, SetOptions("all", max_candidates=100, seed=1))
    assert only(other).codes.keys() != found.codes.keys()
    assert other.whole == (900, 900)


def test_a_sample_too_small_for_any_query_is_refused(tmp_path):
    codebase(tmp_path)
    asked(tmp_path, [{"query": "all of them", "answers": [f"u/{name}" for name in NAMES]}])
    with pytest.raises(ConfigError, match="--max-candidates 4: the right answers of every query"):
        read_evaluation_set(tmp_path, SetOptions(max_candidates=4))
