"""Arbitrary bytes against the real HTTP server.

More of them: `make test ARGS="tests/shared/http/test_fuzz.py --hypothesis-profile=fuzz"`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.connection_limits import ConnectionLimits
from testing.logged import forget_earlier_tests
from tests.shared.http.http_fixture import GET, Api, App, serving

tokens = st.sampled_from(
    [
        *(b"GET / HTTP/1.1", b"GET /", b"\r\n", b"\r\n\r\n", b"\n", b" ", b":", b"Host: x\r\n"),
        *(b"POST / HTTP/1.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n"),
        *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 9" * 9),
        *(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffff"),
        *(b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-"),
        *(b"Expect: 100-continue\r\n", b"\x00", b"\xff\xfe", b"%00%ff/..", b"\x16\x03\x01", GET),
    ]
)


@pytest.fixture
async def api(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Api]:
    """Nothing that a client sends may be logged as an error."""
    forget_earlier_tests(caplog)
    async with serving(App(), ConnectionLimits(max_pipelined=4)) as api:
        yield api
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []


@given(
    sent=st.lists(tokens | st.binary(max_size=50), max_size=15).map(b"".join),
    size=st.integers(1, 300),
    reset=st.booleans(),
)
async def test_bytes_of_every_kind(api: Api, sent: bytes, size: int, reset: bool) -> None:
    """A response or a closed connection; nothing is left behind, and other clients are served."""
    client = await api.connect()
    with suppress(ConnectionError):
        for start in range(0, len(sent), size):
            client.writer.write(sent[start : start + size])
            await client.writer.drain()
        if reset:
            client.writer.transport.abort()
        else:
            client.writer.write_eof()
    answer = await client.rest()
    await client.close()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b"erver:" not in answer
    await api.is_empty()
    assert await api.answers()
    await api.is_empty()
