"""A large body that is compressed once, not for each request.

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

_VARY: Final = b"Accept-Encoding"
_GZIP: Final = (b"content-encoding", b"gzip")


class PrecompressedResponse:
    """Holds the gzip form; the plain form is made for the first client that needs it."""

    def __init__(
        self,
        gzipped: bytes,
        media_type: bytes,
        *headers: Header,
        keep: bytes = b"no-cache",
        vary: bytes = _VARY,
    ) -> None:
        """`headers`: additional ones. `keep`, `vary`: the values of Cache-Control and Vary."""
        self._cacheable = partial(cacheable, kind=media_type, keep=keep)
        self._headers = ((b"vary", vary), *headers)
        self._gzip = gzipped
        response = self._cacheable(gzipped, *self._headers)
        self._gzipped = msgspec.structs.replace(response, headers=(*response.headers, _GZIP))

    @classmethod
    def of(
        cls,
        body: bytes,
        media_type: bytes,
        *headers: Header,
        keep: bytes = b"no-cache",
        vary: bytes = _VARY,
    ) -> Self:
        """From the plain form."""
        return cls(gzip.compress(body, 9, mtime=0), media_type, *headers, keep=keep, vary=vary)

    @cached_property
    def _plain(self) -> CacheableResponse:
        return self._cacheable(gzip.decompress(self._gzip), *self._headers)

    def answer(self, headers: Iterable[Header]) -> RawResponse:
        """To a request with these headers."""
        headers = list(headers)
        accept = b", ".join(value for name, value in headers if name == b"accept-encoding")
        gzipped = accepts_gzip(accept.decode("latin-1"))
        return (self._gzipped if gzipped else self._plain).answer(headers)
