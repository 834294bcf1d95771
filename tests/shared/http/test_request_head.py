"""What is said of the bytes of a request, against the parser that reads them."""

from __future__ import annotations

from contextlib import suppress

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.request_head import is_alone

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
pieces = st.sampled_from(
    [
        *(GET, b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\n", b"Host: x\r\n", b"A: b\n", b"G"),
        *(b"\r\n", b"\n", b"\r", b"\n\n", b"\r\n\r\n", b" ", b"", b"\x00"),
    ]
)


class Heads:
    """Counts what the parser finds."""

    def __init__(self) -> None:
        self.begun = 0
        self.whole = 0

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_headers_complete(self) -> None:
        self.whole += 1


@pytest.mark.parametrize(
    ("data", "alone"),
    [
        (GET, True),
        (b"\r\n" + GET, True),  # an empty line in front is allowed: RFC 9112, 2.2
        (b"", False),
        (GET[:-1], False),
        (GET[:-2], False),
        (GET + b"G", False),
        (GET + GET, False),
        (b"GET / HTTP/1.1\nHost: x\n\n" + GET, False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\n" + GET, False),
    ],
)
def test_one_head(data: bytes, alone: bool) -> None:
    assert is_alone(data) is alone


@given(st.lists(pieces, max_size=12).map(b"".join))
def test_the_parser_agrees(data: bytes) -> None:
    """Whatever is said to be alone is never one request and a part of the next."""
    heads = Heads()
    with suppress(httptools.HttpParserError):
        httptools.HttpRequestParser(heads).feed_data(data)
    if is_alone(data):
        assert heads.begun <= 1
