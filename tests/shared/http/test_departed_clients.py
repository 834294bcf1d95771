"""Clients that leave while a response is under way."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct

import pytest
import uvloop

from shared.http.connection_limits import ConnectionLimits
from testing.logged import forget_earlier_tests
from tests.shared.http.http_fixture import GET, App, serving


@pytest.mark.parametrize("ending", ["reset", "close"])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_client_that_ends_while_it_is_answered_logs_nothing(
    ending: str, loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its pipelined requests are dropped, and the one that is answered writes no more."""

    async def end_while_answered() -> None:
        async with serving(App(5_000_000), ConnectionLimits()) as api:
            for requests in (1, 2, 3, 5):
                client = await api.connect(GET * requests)
                await client.reader.readexactly(100_000)  # and no more: the buffer is full
                sock = client.writer.get_extra_info("socket")
                if ending == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                await client.close()
                await api.is_empty()

    forget_earlier_tests(caplog)
    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(end_while_answered())
    logged = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert logged == []
