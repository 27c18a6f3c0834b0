"""No password is left in a text, however it is spelt and whatever it holds."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softnce.secret import holds_password, is_torn, masked, masked_within, without_userinfo

PASSWORDS = ["secret", "s3cr3t/p@ss", "a:b", "p@ss", "/start", "end/", "a?b#c", "@@@@"]
PLAIN = [
    "sqlite:////home/me@work/mlflow.db",
    "file:///home/me@work/mlruns",
    "http://127.0.0.1:5000",
    "https://host/mlflow?x=1",
    "me@work wrote to http://host:5000/x and to you@work",
    "postgresql:///mlflow",
]


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch):
    for name in ("URI", "USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("scheme", ["http", "https", "postgresql", "mysql+pymysql"])
def test_the_whole_of_user_and_password_is_masked(scheme, password):
    said = f"no way to {scheme}://me:{password}@host:5000/x, at all"
    assert masked(said) == f"no way to {scheme}://***@host:5000/x, at all"
    assert holds_password(f"{scheme}://me:{password}@host:5000/x")
    assert without_userinfo(f"{scheme}://me:{password}@host:5000/x") == f"{scheme}://host:5000/x"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1))
def test_no_password_of_any_signs_is_left(password):
    assert masked(f"http://me:{password}@host/x") == "http://***@host/x"


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_without_password_stays_as_it_is(text):
    assert masked(text) == text
    assert without_userinfo(text) == text
    assert not holds_password(text)
    assert not is_torn(text)


@pytest.mark.parametrize("key", ["password", "sslpassword", "pwd", "token", "Access_Token"])
def test_a_password_in_the_query_is_one_too(key):
    uri = f"postgresql://host/db?user=me&{key}=s3cr3t&x=1"
    assert masked(uri) == f"postgresql://host/db?user=me&{key}=***&x=1"
    assert holds_password(uri)
    assert "s3cr3t" not in without_userinfo(uri)


def test_a_token_for_a_user_is_a_secret_of_a_server_and_a_user_of_a_database_is_none():
    assert holds_password("https://token@host")
    assert masked("https://token@host") == "https://***@host"
    assert not holds_password("postgresql://me@host/db")


def spelt(secret):
    both = f"me:{secret}".encode()
    return [secret, quote(secret, safe=""), quote(secret), base64.b64encode(both).decode()]


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"])
def test_the_secrets_of_the_environment_are_masked_wherever_they_stand(monkeypatch, name):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv(name, "s3cr3t/p@ss")
    for one in spelt("s3cr3t/p@ss"):
        assert masked(f"sent <{one}>") == "sent <***>"


@pytest.mark.parametrize("password", ["s3cr3t%2Fp%40ss", "s3cr3t/p@ss"])
def test_the_password_of_the_environments_address_is_masked_without_its_address(
    monkeypatch, password
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{password}@host")
    for one in spelt("s3cr3t/p@ss"):
        assert masked(f"sent <{one}>") == "sent <***>"


def test_a_value_too_short_to_be_told_from_words_is_masked_in_addresses_alone(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a")
    assert masked("a trial at http://me:a@host") == "a trial at http://***@host"


def test_what_json_holds_is_masked_to_its_depth():
    held = {"a": ["http://me:pw@host", 1, None], "b": {"c": "ftp://me:pw@host"}}
    assert masked_within(held) == {
        "a": ["http://***@host", 1, None],
        "b": {"c": "ftp://***@host"},
    }
