"""A GPU's profile fills in what a configuration leaves open, and never the batch."""

import pytest

from softnce.config.file import load_config, to_yaml, validated
from softnce.config.profiles import PROFILES
from softnce.errors import ConfigError

DATA = {"data": {"path": "pairs"}, "optim": {"batch_size": 96}}


@pytest.mark.parametrize("name", PROFILES)
def test_it_sets_passes_precision_workers_and_packing_and_leaves_the_batch(name):
    plain = validated(DATA)
    found = validated(DATA | {"resources": {"profile": name}})
    assert (found.optim.batch_size, found.negatives) == (96, plain.negatives)
    assert found.optim.max_tokens_per_pass == PROFILES[name]["optim"]["max_tokens_per_pass"]
    assert found.optim.precision == ("fp32" if name == "t4" else "bf16")
    assert (found.resources.workers, found.resources.gpus_per_worker) == (1, 1)
    assert found.encoder.packing == "auto"
    same = {"loss", "weights", "search", "data", "tracking"}
    assert found.model_dump(include=same) == plain.model_dump(include=same)


def test_what_is_set_stays():
    own = {"resources": {"profile": "h200", "cpus_per_worker": 3}, "optim": {"precision": "fp32"}}
    found = validated(DATA | own)
    assert (found.resources.cpus_per_worker, found.optim.precision) == (3, "fp32")
    assert found.optim.max_tokens_per_pass == 131_072


def test_the_resolved_configuration_is_the_same_again(tmp_path):
    found = validated(DATA | {"resources": {"profile": "a100"}})
    path = tmp_path / "resolved.yaml"
    path.write_text(to_yaml(found))
    assert to_yaml(load_config(path)) == path.read_text()


def test_the_command_line_names_it(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("data: {path: pairs}\n")
    found = load_config(path, ["resources.profile=t4", "optim.max_tokens_per_pass=1000"])
    assert (found.optim.max_tokens_per_pass, found.resources.gpus_per_worker) == (1000, 1)


def test_an_unknown_one_is_refused():
    with pytest.raises(ConfigError, match=r"resources\.profile"):
        validated(DATA | {"resources": {"profile": "v100"}})
    with pytest.raises(ConfigError, match="resources"):
        validated(DATA | {"resources": {"profile": ["t4"]}})
