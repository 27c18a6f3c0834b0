"""One living search a study: a heartbeat in the study's own storage names who holds it.

A file lock would not survive shared file systems, nor tell who holds it. A holder whose process is
gone from this host is replaced at once; one on another host after its heart has stopped.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from sqlalchemy.exc import SQLAlchemyError

from softnce.errors import SetupError

log = logging.getLogger(__name__)
_BEAT_EVERY_S = 30.0
_DEAD_AFTER_S = 90.0
_SETTLE_S = 0.3  # two that start together both write; the last one written stays
_HOLDER = "softnce.holder"


@contextmanager
def held(study: optuna.Study) -> Iterator[None]:
    """Hold a study while the block runs.

    Raises:
        SetupError: another living search holds it; host and process are named.
    """
    token = secrets.token_hex(8)
    require_free(study)
    _beat(study, token)
    time.sleep(_SETTLE_S)
    if _holder(study).get("token") != token:
        require_free(study)
    ended = threading.Event()
    heart = threading.Thread(target=_keep_beating, args=(study, token, ended), daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join(_BEAT_EVERY_S)
        if _holder(study).get("token") == token:
            study.set_user_attr(_HOLDER, {})


def _keep_beating(study: optuna.Study, token: str, ended: threading.Event) -> None:
    while not ended.wait(_BEAT_EVERY_S):
        try:
            _beat(study, token)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            log.warning("no heartbeat: %s", error)  # a full disk, a busy storage: the next may do


def _beat(study: optuna.Study, token: str) -> None:
    holder = {"token": token, "host": socket.gethostname(), "pid": os.getpid(), "at": time.time()}
    study.set_user_attr(_HOLDER, holder)


def _holder(study: optuna.Study) -> dict[str, Any]:
    return dict(study.user_attrs.get(_HOLDER) or {})


def require_free(study: optuna.Study) -> None:
    """Check that no living search holds a study.

    Raises:
        SetupError: one does; host and process are named.
    """
    holder = _holder(study)
    if not holder or not _is_alive(holder):
        return
    age = time.time() - holder["at"]
    raise SetupError(
        f"study {study.study_name}: process {holder['pid']} on {holder['host']} is searching it "
        f"(heartbeat {age:.0f} s ago); wait for it, or stop it and start again"
    )


def _is_alive(holder: dict[str, Any]) -> bool:
    if time.time() - holder["at"] > _DEAD_AFTER_S:
        return False
    if holder["host"] != socket.gethostname():
        return True
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
