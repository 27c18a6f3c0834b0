"""Passwords stay out of everything that is written or shown: the one place that masks them.

A password reaches MLflow through the environment alone. Whatever quotes an address, or what a
library says about one, goes through ``masked`` first.
"""

import base64
import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote

TRACKING_URI = "MLFLOW_TRACKING_URI"
_USERNAME = "MLFLOW_TRACKING_USERNAME"
_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_MASK = "***"
_SHORTEST = 4  # characters; fewer stand in many a word, which the mask would give away
# From the host on, for sqlite:////home/me@work is a path; up to the last @, for a password may
# hold what ends a host.
_USERINFO = re.compile(r"(?<=://)[^/\s]\S*@")
_IN_QUERY = re.compile(r"(?i)([?&;](?:\w*passw(?:or)?d|pwd|\w*token|secret)=)[^&;\s'\"]+")


def masked(text: str) -> str:
    """Return a text without the passwords that it may hold.

    Masked are the user and password of each address, passwords in an address's query, and the
    values of MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN and of the password in
    MLFLOW_TRACKING_URI wherever they stand, percent-encoded and as basic authentication, too.
    Values of fewer than four characters are masked in addresses alone.

    >>> masked("http://me:p@ss/word@host:5000/x")
    'http://***@host:5000/x'
    """
    for secret in _known():
        text = text.replace(secret, _MASK)
    text = _USERINFO.sub(f"{_MASK}@", text)
    return _IN_QUERY.sub(rf"\1{_MASK}", text)


def masked_within(value: object) -> object:
    """Return what JSON can hold with ``masked`` applied to each text in it, keys excepted."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {key: masked_within(one) for key, one in value.items()}
    return [masked_within(one) for one in value] if isinstance(value, list | tuple) else value


def holds_password(uri: str) -> bool:
    """Tell whether an address may hold a password or, for a server, a token in place of a user.

    >>> holds_password("postgresql://me:pw@host/db"), holds_password("postgresql://me@host/db")
    (True, False)
    """
    found = _USERINFO.search(uri)
    is_server = uri.lower().startswith(("http://", "https://"))
    is_in_host = bool(re.match(r"[^/?#]*@", uri.partition("://")[2]))
    in_userinfo = found is not None and (":" in found[0] or (is_server and is_in_host))
    return in_userinfo or _IN_QUERY.search(uri) is not None


def is_torn(uri: str) -> bool:
    """Tell whether an ``@`` follows a ``/``, ``?`` or ``#``, as of a password that holds them raw.

    Whoever parses such an address takes a part of the password for the host or port, and says so.

    >>> is_torn("http://me:a/b@host"), is_torn("http://me:a%2Fb@host")
    (True, False)
    """
    found = _USERINFO.search(uri)
    return found is not None and re.search(r"[/?#]", found[0]) is not None


def without_userinfo(uri: str) -> str:
    """Return an address without user and password, which can still be opened in a browser.

    >>> without_userinfo("http://me:pw@host:5000/x")
    'http://host:5000/x'
    """
    return _IN_QUERY.sub(r"\1", _USERINFO.sub("", uri))


def _known() -> list[str]:
    """Return the environment's secrets in all their spellings, the longest first."""
    found: set[str] = set()
    for user, secret in _of_environment():
        plain = unquote(secret)
        for one in (secret, plain, quote(plain, safe=""), quote(plain), quote_plus(plain)):
            found.add(one)
        for one in (secret, plain):
            found.add(base64.b64encode(one.encode(errors="replace")).decode())
            found.add(base64.b64encode(f"{user}:{one}".encode(errors="replace")).decode())
    return sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True)


def _of_environment() -> Iterator[tuple[str, str]]:
    """Yield each secret of the environment after the user that it belongs to."""
    for name in _SECRETS:
        if secret := os.environ.get(name):
            yield os.environ.get(_USERNAME, ""), secret
    found = _USERINFO.search(os.environ.get(TRACKING_URI, ""))
    if found:
        user, colon, secret = found[0][:-1].partition(":")
        yield (unquote(user), secret) if colon else ("", user)
