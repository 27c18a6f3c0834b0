"""Files of pretrained models, in a folder or on the hub."""

import json
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from sentence_transformers.util import load_file_path

from softnce.errors import SetupError

_ADAPTERS = "adapter_config.json"  # peft's; it names another model, which would be fetched
_MODULES, _ROUTES = "modules.json", "router_config.json"  # sentence-transformers'
_DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError)


def is_out_of_reach(model: str, revision: str | None = None) -> bool:
    """Tell whether the hub is out of reach, by one request; its client would make dozens."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        HfApi().model_info(model, revision=revision, timeout=10)
    except (HfHubHTTPError, HFValidationError):
        return False  # it has answered, or loading says what is wrong with the name
    except (_transport_error(), OfflineModeIsEnabled):
        return True
    return False


def file_beside(model: str, name: str, revision: str | None = None) -> Path | None:
    """Find a file that lies beside a model.

    Args:
        model: folder or hub id.
        name: of the file.
        revision: of a model of the hub.

    Returns:
        Where it is, fetched from the hub if need be; None: there is none.

    Raises:
        SetupError: the hub refuses to say.
    """
    is_folder = Path(model).expanduser().is_dir()
    is_cut_off = not is_folder and is_out_of_reach(model, revision)
    try:
        return _found(model, name, revision, is_cut_off=is_cut_off)
    except (OSError, _transport_error()) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SetupError(
            f"{model}: the hub did not give {name}: {reason}",
            "try again later, or name a folder that holds the model",
        ) from error


def refuse_adapters(model: str, revision: str | None, *, is_cut_off: bool) -> None:
    """Refuse adapters of peft in place of a whole model, at its root or in a part of it.

    Args:
        model: folder or hub id.
        revision: of a model of the hub.
        is_cut_off: whether the hub is out of reach.

    Raises:
        SetupError: there are some.
    """
    try:
        look = partial(_found, model, revision=revision, is_cut_off=is_cut_off)
        found = [one for one in (_joined(part, _ADAPTERS) for part in _parts(look)) if look(one)]
    except (*_DAMAGED, _transport_error()):
        return  # loading says why it cannot be read
    if found:
        raise SetupError(
            f"{model}: holds adapters ({found[0]}), which are no whole model",
            "merge them into their model with peft's merge_and_unload, and save that",
            setting="encoder.model",
        )


def _found(model: str, name: str, revision: str | None, *, is_cut_off: bool) -> Path | None:
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder / name if (folder / name).is_file() else None
    found = load_file_path(model, name, revision=revision, local_files_only=is_cut_off)
    return None if found is None else Path(found)


def _parts(look: Callable[[str], Path | None]) -> list[str]:
    """Return the sub-folders that may hold weights of a transformer, the root first."""
    stored = _read(look(_MODULES))
    kinds = {str(one["path"]): str(one["type"]) for one in stored or ()}
    routers = [path for path, kind in kinds.items() if kind.endswith("Router")]
    for router in routers:
        routes = (_read(look(_joined(router, _ROUTES))) or {})["types"]
        kinds |= {_joined(router, path): str(kind) for path, kind in routes.items()}
    return sorted({"", *(path for path, kind in kinds.items() if kind.endswith("Transformer"))})


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _read(path: Path | None) -> Any:  # noqa: ANN401  (JSON of another library)
    return None if path is None else json.loads(path.read_text(encoding="utf-8"))


def _transport_error() -> type[Exception]:
    client = import_module("huggingface_hub.utils")  # it names its httpx from version 2 on
    transport: Any = client.httpx if hasattr(client, "httpx") else import_module("httpx")
    found: type[Exception] = transport.TransportError
    return found
