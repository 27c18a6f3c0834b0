import pytest
import yaml
from pydantic import ValidationError

from softnce.config.config import Config
from softnce.config.file import all_paths, load_config, to_yaml, value_at, with_overrides
from softnce.errors import ConfigError

DATA = "data: {path: pairs}\n"


@pytest.fixture
def load(tmp_path):
    """Return a loader of a configuration given as text; errors name the file c.yaml."""

    def loader(text, *settings):
        path = tmp_path / "c.yaml"
        path.write_text(text)
        return load_config(path, settings)

    return loader


@pytest.fixture
def fault(load):
    """Return the message that a text and its settings are refused with, without the folder."""

    def refused(text, *settings):
        with pytest.raises(ConfigError) as caught:
            load(text, *settings)
        lines = str(caught.value).splitlines()
        return "\n".join(
            line[line.find("c.yaml") :] if "c.yaml" in line else line for line in lines
        )

    return refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss:\n  temperatur: 1\n", "c.yaml:3: loss.temperatur: unknown key; did you mean "),
        ("optimm: {}\n", "c.yaml:2: optimm: unknown key; did you mean optim?"),
        ("learning_rate: 1\n", "c.yaml:2: learning_rate: unknown key; did you mean optim.learning"),
        ("qqqq: 1\n", "c.yaml:2: qqqq: unknown key"),
        ("search:\n  asha:\n    graze_epochs: 2\n", "c.yaml:4: search.asha.graze_epochs: unknown"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_near_miss(fault, text, message):
    assert fault(DATA + text).startswith(message)


def test_a_key_like_no_other_gets_no_suggestion(fault):
    assert "did you mean" not in fault(DATA + "qqqq: 1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optim:\n  epochs: 0\n", "c.yaml:3: optim.epochs: input should be greater than or equal"),
        ("optim:\n  epochs: many\n", "found 'many'"),
        ("optim: 3\n", "c.yaml:2: optim: a mapping of names to values should be here, found 3"),
        ("weights: {floor: 1}\n", "weights.floor: input should be less than 1, found 1"),
        ("loss: {temperature: .nan}\n", "loss.temperature: input should be"),
        ("loss: {temperature: .inf}\n", "loss.temperature: input should be"),
        ("loss: {name: triplet}\n", "'promoted' or 'shifted', found 'triplet'"),
        ("search: {name: ../up}\n", "search.name: String should match"),
        (
            "search: {sampler: gp}\n",
            "gp learns from complete trials only, so those that ASHA",
        ),
        ("encoder: {kind: transformer}\n", "encoder.kind: transformer needs encoder.model"),
        ("encoder: {model: bert}\n", "the static encoder is trained from scratch"),
        ("1: 3\n", "c.yaml:2: 1: Keys should be strings"),
        ("search: {space: {3: {real: [1, 2]}}}\n", "search.space.3"),
    ],
)
def test_a_bad_value_is_named_with_what_was_found(fault, text, message):
    assert message in fault(DATA + text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "data: missing; say where the pairs are"),
        ("data:\n", "give either data.path"),
        ("data: {path: a, mine: [b]}\n", "not both or neither"),
        ("- data\n", "c.yaml:1: a configuration is a mapping of sections, this is a list"),
        ("just words\n", "this is a str"),
        ("data: [\n", "c.yaml:2: not valid YAML: expected the node content"),
        ("data:\n  path: a\n\tlanguage: b\n", "c.yaml:3: not valid YAML: found character"),
        (
            "optim: {epochs: 1}\ndata: {path: a}\noptim: {seed: 1}\n",
            "c.yaml:3: not valid YAML: the key op",
        ),
        ("data: {path: 2026-13-45}\n", "c.yaml: not valid YAML: month must be in 1..12"),
        (
            "data: {path: a}\n---\ndata: {path: b}\n",
            "c.yaml:2: not valid YAML: but found another document",
        ),
        ("data: !!python/object:os.system {}\n", "could not determine a constructor"),
    ],
)
def test_a_text_that_is_no_configuration_is_refused_in_one_line(fault, text, message):
    found = fault(text)
    assert message in found
    assert found.count("\n") == 0


def test_all_faults_are_reported_at_once(fault):
    lines = fault("loss: {temperature: 0}\noptim: {epochs: -1}\nwrong: 1\n").splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "data",
        "loss.temperature",
        "optim.epochs",
        "wrong",
    ]


@pytest.mark.parametrize("kind", ["missing", "folder", "binary"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, kind):
    path = tmp_path / "c.yaml"
    if kind == "folder":
        path.mkdir()
    if kind == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"c\.yaml: (no such|cannot be read)"):
        load_config(path)


@pytest.mark.parametrize("section", ["optim", "weights", "search", "weights:\n  bm25"])
def test_an_empty_section_means_its_defaults(load, section):
    assert load(f"{DATA}{section}:\n") == load(DATA)


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "+1e-3", "0.001", "'1e-3'"])
def test_a_number_with_an_exponent_is_a_number(load, text):
    assert load(f"{DATA}optim: {{learning_rate: {text}}}\n").optim.learning_rate == 0.001
    assert load(DATA, f"optim.learning_rate={text}").optim.learning_rate == 0.001


def test_choices_with_exponents_are_numbers(load):
    space = load(f"{DATA}search: {{space: {{a/b: {{choice: [1e-3, 2E5]}}}}}}\n").search.space
    assert space == {"a/b": {"choice": [0.001, 200000.0]}}


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("optim.epochs=2", "optim/epochs", 2),
        ("optim/epochs=2", "optim/epochs", 2),
        ("weights.bm25.variant=lucene", "weights/bm25/variant", "lucene"),
        ("weights.floor=null", "weights/floor", None),
        ("data.path=a=b", "data/path", "a=b"),
        ("data.path=./nan", "data/path", "./nan"),
        ("data.path=infinity", "data/path", "infinity"),
        ("search.space={}", "search/space", {}),
        (
            "search.space.loss/temperature={real: [1e-2, 1], log: true}",
            "search/space",
            {"loss/temperature": {"real": [0.01, 1], "log": True}},
        ),
        (
            "search.space.loss/temperature=real: [1e-2, 1]",
            "search/space",
            {"loss/temperature": {"real": [0.01, 1]}},
        ),
        ("weights.bm25=variant: lucene", "weights/bm25/variant", "lucene"),
    ],
)
def test_a_setting_replaces_the_files_value(load, setting, path, value):
    assert value_at(load(DATA + "optim: {epochs: 7}\n", setting), path) == value


def test_a_dimension_can_be_added_to_the_files_space(load):
    text = f"{DATA}search: {{space: {{loss/name: {{choice: [infonce]}}}}}}\n"
    config = load(text, "search.space.weights/alpha={real: [0, 1]}")
    assert list(config.search.space) == ["loss/name", "weights/alpha"]


def test_a_list_can_be_set(load):
    config = load(DATA, "data.mine=[src, lib]", "data.path=null")
    assert config.data.mine == ("src", "lib")


def test_a_prompt_is_text_though_it_reads_like_a_mapping(load):
    base = ["encoder.kind=transformer", "encoder.model=folder"]
    assert load(DATA, *base, "encoder.query_prompt=Query: ").encoder.query_prompt == "Query: "
    with pytest.raises(ConfigError, match="not valid YAML; put it in quotes: 'encoder"):
        load(DATA, *base, "encoder.query_prompt=Instruct: find it. Query: ")


def test_the_last_setting_counts(load):
    assert load(DATA, "optim.epochs=2", "optim.epochs=3").optim.epochs == 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("optim.epochs", "not of the form section.field=value"),
        ("=3", "not of the form section.field=value"),
        ("optim.epochs=[", "the value is not valid YAML"),
        ("search.name=2026-13-45", "the value is not valid YAML"),
        ("optim.epochs=0", "--set optim.epochs: input should be greater"),
        ("optim.epoch=1", "--set optim.epoch: unknown key; did you mean optim.epochs?"),
        ("optim.lr=1", "--set optim.lr: unknown key; did you mean optim.learning_rate?"),
        ("optim/wd=1", "--set optim.wd: unknown key; did you mean optim.weight_decay?"),
        ("optimm.epochs=1", "--set optimm: unknown key"),
        ("floor=0.2", "--set floor: unknown key; did you mean weights.floor?"),
        (
            "search.space=loss/name",
            "--set search.space: a mapping of names to values should be here",
        ),
    ],
)
def test_a_bad_setting_is_refused_and_named(fault, setting, message):
    assert fault(DATA + "optim:\n  epochs: 4\n", setting).startswith(
        message if message.startswith("--set") else f"--set {setting}: {message}"
    )


@pytest.mark.parametrize(
    ("alpha", "beta", "batch", "is_possible"),
    [(3, 1, 4, False), (2.99, 1, 4, True), (3, 1, 5, True), (100, 1, 101, False)],
)
def test_weights_need_enough_negatives(load, alpha, beta, batch, is_possible):
    text = f"{DATA}weights: {{alpha: {alpha}, beta: {beta}}}\noptim: {{batch_size: {batch}}}\n"
    if is_possible:
        load(text)
        return
    with pytest.raises(ConfigError, match=r"raise optim\.batch_size, or lower weights\.alpha"):
        load(text)


def test_infonce_needs_no_domain(load):
    load(f"{DATA}loss: {{name: infonce}}\nweights: {{alpha: 9}}\noptim: {{batch_size: 2}}\n")


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ("workers: 2, gpus_per_worker: 0.5", "set resources.workers to 1"),
        ("workers: 2, executor: inline", "inline trains in one process"),
        ("workers: 3", "batch_size 128 does not divide among 3 workers"),
    ],
)
def test_workers_that_do_not_fit_are_refused(fault, resources, message):
    assert message in fault(f"{DATA}resources: {{{resources}}}\n")


@pytest.mark.parametrize(
    "text",
    [
        DATA,
        "data: {mine: ['@environment', src], columns: {query: q}}\nweights: {floor: null}\n",
        "data: {path: '1e5', language: 'no'}\nsearch: {name: 'null'}\n",
        f"{DATA}search: {{space: {{loss/temperature: {{real: [1e-3, 1], log: true}}}}}}\n",
        f"{DATA}optim: {{learning_rate: 1.0e-05}}\ntracking: {{uri: 'http://h:1/ä'}}\n",
    ],
)
def test_the_resolved_yaml_runs_again_unchanged(load, text):
    config = load(text)
    assert load(to_yaml(config)) == config


def test_the_resolved_yaml_holds_every_setting():
    nested = yaml.safe_load(to_yaml(Config.model_validate({"data": {"path": "a"}})))
    for path in all_paths():
        node = nested
        for part in path.split("/"):
            node = node[part]


def test_overrides_by_path_are_validated():
    config = Config.model_validate({"data": {"path": "a"}})
    assert (
        with_overrides(config, {"weights/bm25/variant": "lucene"}).weights.bm25.variant == "lucene"
    )
    with pytest.raises(ConfigError, match=r"weights\.alpha"):
        with_overrides(config, {"weights/alpha": -101})
    assert config.weights.bm25.variant == "okapi"


@pytest.mark.parametrize("path", ["weights/alfa", "weights/alpha/more", "alpha"])
def test_the_value_at_an_unknown_path_is_refused_with_the_near_miss(path):
    config = Config.model_validate({"data": {"path": "a"}})
    with pytest.raises(ConfigError, match="no such setting; did you mean weights/alpha"):
        value_at(config, path)


def test_a_configuration_is_frozen():
    config = Config.model_validate({"data": {"path": "a"}})
    with pytest.raises(ValidationError, match="frozen"):
        config.optim.epochs = 3
