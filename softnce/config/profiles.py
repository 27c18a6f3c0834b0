"""What suits a kind of GPU: a profile fills in the settings that a configuration leaves open.

None of them changes what is trained but for rounding: the batch, and so the N of Eq. 4, is the
configuration's own. Tokens of a pass are about two thirds of what an encoder of UniXcoder's size
(RoBERTa, 12 layers, 125M parameters) has room for beside its weights and AdamW's state.
"""

from collections.abc import Mapping
from typing import Any

Nested = dict[str, Any]

PROFILES: dict[str, dict[str, dict[str, Any]]] = {
    "t4": {  # 16 GB, and no bf16 in its cores
        "optim": {"precision": "fp32", "max_tokens_per_pass": 8_192},
        "encoder": {"packing": "auto"},
        "resources": {"workers": 1, "gpus_per_worker": 1.0, "cpus_per_worker": 2.0},
    },
    "a100": {  # 40 or 80 GB
        "optim": {"precision": "bf16", "max_tokens_per_pass": 32_768},
        "encoder": {"packing": "auto"},
        "resources": {"workers": 1, "gpus_per_worker": 1.0, "cpus_per_worker": 4.0},
    },
    "h200": {  # 141 GB
        "optim": {"precision": "bf16", "max_tokens_per_pass": 131_072},
        "encoder": {"packing": "auto"},
        "resources": {"workers": 1, "gpus_per_worker": 1.0, "cpus_per_worker": 8.0},
    },
}


def with_profile(raw: object) -> object:
    """Return a configuration as read with the settings of its profile under its own.

    Args:
        raw: what is to be validated, sound or not.
    """
    resources = raw.get("resources") if isinstance(raw, Mapping) else None
    named = resources.get("profile") if isinstance(resources, Mapping) else None
    profile = PROFILES.get(named) if isinstance(named, str) else None
    if profile is None or not isinstance(raw, Mapping):
        return raw
    filled: Nested = dict(raw)
    for section, settings in profile.items():
        own = raw.get(section)
        if own is None or isinstance(own, Mapping):
            filled[section] = {**settings, **(own or {})}
    return filled
