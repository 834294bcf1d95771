"""A large body that is compressed once, not at each request: gzip for whoever takes it.

The two forms are different bytes, so they have different strong tags. RFC 9110, 8.8.3.3.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from functools import cached_property
from typing import Final, Self

import msgspec

from services.api.answers import Answer, Header, Tagged, tagged
from services.api.negotiation import accepts_gzip

_VARY: Final = (b"vary", b"Accept-Encoding")
_GZIP: Final = (b"content-encoding", b"gzip")


class Compressed:
    """Holds the gzip; the plain form is made when the first client asks for it."""

    def __init__(self, zipped: bytes, kind: bytes) -> None:
        """`kind`: the media type."""
        self._kind = kind
        self._gzip = zipped
        found = tagged(zipped, _VARY, kind=kind)
        self._zipped = msgspec.structs.replace(found, headers=(*found.headers, _GZIP))

    @classmethod
    def of(cls, body: bytes, kind: bytes) -> Self:
        return cls(gzip.compress(body, 9, mtime=0), kind)

    @cached_property
    def _plain(self) -> Tagged:
        return tagged(gzip.decompress(self._gzip), _VARY, kind=self._kind)

    def answer(self, asked: Iterable[Header]) -> Answer:
        """To a request with these headers."""
        asked = list(asked)
        accepted = b", ".join(value for name, value in asked if name == b"accept-encoding")
        zipped = accepts_gzip(accepted.decode("latin-1"))
        return (self._zipped if zipped else self._plain).answer(asked)
