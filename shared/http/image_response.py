"""Pictures as answers, for those who show them in a README: proxies, and browsers behind them.

The status is 200 in any case: GitHub's proxy was made to show nothing else, and many a forum does
the same. They may keep a picture for as many seconds as `max_age` says: without that word they
choose for themselves, and with `no-store` each view of each reader comes through to here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request

from shared.http import cors, etags
from shared.http.responses import Header, RawResponse

SVG: Final = b"image/svg+xml; charset=utf-8"
PNG: Final = b"image/png"
MAX_AGE: Final = 30  # seconds

_POLICY: Final = (
    b"content-security-policy",
    b"default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
)
"""For whoever opens an SVG itself: it needs its own style and its own pictures, nothing else."""


def image(
    body: bytes,
    kind: bytes,
    request: Request,
    *,
    max_age: int = MAX_AGE,
    problem: str | None = None,
    unusable: Sequence[str] = (),
) -> RawResponse:
    """`problem`: the code of what the picture says went wrong. `unusable`: parameters."""
    etag = etags.tag(body)
    keep = f"public, max-age={max_age}, stale-while-revalidate=30, stale-if-error=600"
    headers: tuple[Header, ...] = (
        (b"etag", etag),
        (b"cache-control", keep.encode()),
        *cors.HEADERS,
        *([(b"x-grux-problem", problem.encode())] if problem else []),
        *([(b"x-grux-unusable", ", ".join(unusable).encode())] if unusable else []),
    )
    known = ", ".join(request.headers.getlist("if-none-match")).encode("latin-1")
    if known and etags.matches(known, etag):
        return RawResponse(304, b"", headers)
    content = (
        (b"content-type", kind),
        (b"content-length", b"%d" % len(body)),
        (b"x-content-type-options", b"nosniff"),
        *([_POLICY] if kind == SVG else []),
    )
    return RawResponse(200, body, (*content, *headers))
