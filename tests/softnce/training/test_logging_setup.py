import logging
import warnings
from contextlib import suppress

from softnce.training.logging_setup import log_to, logging_restored


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
