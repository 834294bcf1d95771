"""Cookies of this site: read with bounds, and written so that no script and no other site has them.

RFC 6265; the `__Host-` prefix is of its successor, draft-ietf-httpbis-rfc6265bis, 4.1.3.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request

from shared.http.responses import Header

MAX_COOKIE_CHARS: Final = 4096
MAX_COOKIES: Final = 100

_VALUE: Final = re.compile(r"[A-Za-z0-9_.=-]+")  # what we write


def read_cookie(request: Request, name: str) -> str | None:
    """The cookie's value; None: there is none, or not one that this server has set."""
    found = _find(request, name)
    if found is None or len(found) > MAX_COOKIE_CHARS or not _VALUE.fullmatch(found):
        return None
    return found


def has_cookie(request: Request, name: str) -> bool:
    """Whether there is one, whatever its value is."""
    return _find(request, name) is not None


def _find(request: Request, name: str) -> str | None:
    """Of two with one name the first counts, as browsers sort by path."""
    for header, value in request.scope["headers"]:
        if header != b"cookie":
            continue
        cookies: str = value.decode("latin-1")
        for pair in cookies.split(";", MAX_COOKIES)[:MAX_COOKIES]:
            key, _, found = pair.strip().partition("=")
            if key == name:
                return found
    return None


def set_cookie(name: str, value: str, *, max_age_s: int, is_secure: bool) -> Header:
    """The header that sets it. `max_age_s` 0 deletes it."""
    secure = "; Secure" if is_secure else ""
    text = f"{name}={value}; Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Lax{secure}"
    return (b"set-cookie", text.encode("ascii"))


def delete_cookie(name: str, *, is_secure: bool) -> Header:
    """The header that deletes it."""
    return set_cookie(name, "", max_age_s=0, is_secure=is_secure)
