"""A large body that is compressed once, not at each request: gzip for whoever takes it.

The two forms are different bytes, so they have different strong tags. RFC 9110, 8.8.3.3.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from functools import cached_property, partial
from typing import Final, Self

import msgspec

from services.api.http.negotiation import accepts_gzip
from shared.http.responses import CacheableResponse, Header, RawResponse, cacheable

_VARY: Final = (b"vary", b"Accept-Encoding")
_GZIP: Final = (b"content-encoding", b"gzip")


class Compressed:
    """Holds the gzip; the plain form is made when the first client asks for it."""

    def __init__(
        self, zipped: bytes, kind: bytes, *headers: Header, keep: bytes = b"no-cache"
    ) -> None:
        """`kind`: the media type. `headers`: further ones. `keep`: Cache-Control."""
        self._made = partial(cacheable, kind=kind, keep=keep)
        self._headers = (_VARY, *headers)
        self._gzip = zipped
        found = self._made(zipped, *self._headers)
        self._zipped = msgspec.structs.replace(found, headers=(*found.headers, _GZIP))

    @classmethod
    def of(cls, body: bytes, kind: bytes, *headers: Header, keep: bytes = b"no-cache") -> Self:
        return cls(gzip.compress(body, 9, mtime=0), kind, *headers, keep=keep)

    @cached_property
    def _plain(self) -> CacheableResponse:
        return self._made(gzip.decompress(self._gzip), *self._headers)

    def answer(self, asked: Iterable[Header]) -> RawResponse:
        """To a request with these headers."""
        asked = list(asked)
        accepted = b", ".join(value for name, value in asked if name == b"accept-encoding")
        zipped = accepts_gzip(accepted.decode("latin-1"))
        return (self._zipped if zipped else self._plain).answer(asked)
