"""Which clients get gzip. RFC 9110, 12.5.3."""

from __future__ import annotations

import pytest

from services.api.http.negotiation import accepts_gzip


@pytest.mark.parametrize(
    ("accept_encoding", "accepts"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("br, gzip;q=0.1", True),
        ("gzip, deflate, br, zstd", True),
        ("*", True),
        ("*;q=0.5", True),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;q=nonsense", False),
        ("x-gzipped", False),
        (",;,=;q", False),
    ],
)
def test_accepts_gzip(accept_encoding: str, accepts: bool) -> None:
    assert accepts_gzip(accept_encoding) is accepts
