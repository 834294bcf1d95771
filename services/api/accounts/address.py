"""Where this server is for browsers: what Discord sends people back to, and who may post forms.

PUBLIC_URL says it. Without that setting only this machine is served: a Host header comes from the
client, so it is believed only where it leads back to the client's own machine.
"""

from __future__ import annotations

import re
from typing import Final, Self
from urllib.parse import urlsplit

from msgspec import Struct
from starlette.requests import Request

from shared.net.loopback import is_loopback

CALLBACK_PATH: Final = "/auth/callback"
START: Final = "/me"
MAX_PATH_CHARS: Final = 200

_OWN_PATH: Final = re.compile(r"/[A-Za-z0-9_./-]*(?:\?[A-Za-z0-9_.=&-]*)?")


class NoPublicAddress(Exception):
    """Raised when nobody can sign in at this address. The text says what the operator changes."""


class SiteAddress(Struct, frozen=True):
    """The address of this site as the browser of a request knows it."""

    base: str  # without a slash at the end: https://presence.example.org, or with a path
    origin: str
    is_secure: bool  # https

    @classmethod
    def of(cls, base: str) -> Self:
        """Raises NoPublicAddress where cookies and tokens could be read on the way."""
        parts = urlsplit(base)
        is_secure = parts.scheme == "https"
        if not is_secure and not is_loopback(parts.hostname or ""):
            raise NoPublicAddress(
                "Signing in needs an encrypted connection, and PUBLIC_URL begins with http://. "
                "The operator of this server can put a proxy with a certificate in front of it, "
                "and set PUBLIC_URL to its https:// address."
            )
        return cls(base, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower(), is_secure)

    @property
    def redirect_uri(self) -> str:
        """As it is registered at Discord."""
        return f"{self.base}{CALLBACK_PATH}"

    def url(self, path: str) -> str:
        """`path` begins with a slash."""
        return f"{self.base}{path}"

    def cookie_name(self, name: str) -> str:
        """With the prefix by which browsers accept it from this host alone, where they can."""
        return f"__Host-{name}" if self.is_secure else name


def site_address(request: Request, public_url: str) -> SiteAddress:
    """`public_url`: PUBLIC_URL. Raises NoPublicAddress."""
    if public_url:
        return SiteAddress.of(public_url)
    host = host_of(request)
    if not is_loopback(urlsplit(f"//{host}").hostname or ""):
        raise NoPublicAddress(
            "This server does not know its own address. The operator can set PUBLIC_URL to it, "
            "for example https://presence.example.org."
        )
    return SiteAddress.of(f"http://{host}")


def host_of(request: Request) -> str:
    """The Host header. shared/http/uvicorn_protocol.py has checked its form."""
    return next(
        (value.decode("latin-1") for name, value in request.scope["headers"] if name == b"host"),
        "",
    )


def own_path(text: str) -> str:
    """`text` if it is a path of this site, else that of the page of the account.

    It is appended to the site's own address, so it cannot lead elsewhere; what a browser could
    read in two ways is refused all the same.
    """
    fits = len(text) <= MAX_PATH_CHARS and _OWN_PATH.fullmatch(text)
    return text if fits and "//" not in text and ".." not in text else START
