import io
import logging
import warnings
from contextlib import suppress

import pytest
from rich.console import Console

from softnce.terminal.logging_setup import also_show, log_to, logging_restored


def state():
    loggers = [logging.getLogger(), logging.getLogger("mlflow")]
    shown = [(list(one.handlers), one.level, one.propagate) for one in loggers]
    return shown, logging.raiseExceptions, warnings.showwarning


def test_a_callers_logging_is_as_it_was_also_after_an_error(tmp_path):
    mlflow, own = logging.getLogger("mlflow"), logging.StreamHandler()
    mlflow.addHandler(own)
    before = state()
    try:
        with suppress(RuntimeError), logging_restored():
            log_to(tmp_path / "softnce.log")
            assert own not in mlflow.handlers
            logging.getLogger("here").info("said to the file")
            raise RuntimeError("inside")
        assert state() == before
        logging.getLogger("here").warning("said to the caller alone")
    finally:
        mlflow.removeHandler(own)
    text = (tmp_path / "softnce.log").read_text()
    assert "said to the file" in text
    assert "to the caller alone" not in text


def test_no_password_reaches_a_log_not_in_tracebacks_either(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0k3n-of-mine")
    page = io.StringIO()
    with logging_restored():
        log_to(tmp_path / "softnce.log")
        also_show(Console(file=page, width=200))
        logger = logging.getLogger("here")
        logger.warning("no way to %s", "http://me:s3cr3t/p@ss@host:5000/x")
        try:
            int("http://me:s3cr3t/p@ss@host refused t0k3n-of-mine")
        except ValueError:
            logger.exception("it failed")
    text = (tmp_path / "softnce.log").read_text()
    for said in (text, page.getvalue()):
        assert "http://***@host" in said
        assert "Traceback" in said
        assert "s3cr3t" not in said
        assert "t0k3n-of-mine" not in said


def test_who_only_looks_goes_on_where_no_log_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    with logging_restored():
        with pytest.raises(OSError, match="file"):
            log_to(tmp_path / "file" / "softnce.log")
        log_to(tmp_path / "file" / "softnce.log", is_kept=False)
        logging.getLogger("here").warning("said to nobody")
