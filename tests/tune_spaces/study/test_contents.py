"""The file that says what each file of a study is."""

from tune_spaces.study.contents import FILE, write_contents


def test_it_names_the_files_of_a_study_and_leaves_a_persons_own_text(tmp_path):
    write_contents(tmp_path, "mine")
    text = (tmp_path / FILE).read_text()
    assert text.startswith("# Study mine\n")
    for name in ("report.html", "optuna.db", "verdict.json", "softnce.log", "champion/"):
        assert name in text
    (tmp_path / FILE).write_text("my own words")
    write_contents(tmp_path, "mine")
    assert (tmp_path / FILE).read_text() == "my own words"
