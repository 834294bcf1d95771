"""hikari's shard: what it leaves behind of a connection that has ended."""

from __future__ import annotations

import asyncio

import aiohttp
import hikari
import pytest

from services.gateway.discord.hikari_shard import handle_loop_exception


@pytest.mark.parametrize(
    ("error", "is_reported"),
    [
        (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), False),
        (hikari.GatewayConnectionError("Socket has closed"), False),
        (ValueError("a bug"), True),
    ],
)
async def test_ended_connection_is_not_reported_as_an_error(
    error: Exception, is_reported: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """hikari does not read the result of one task if the other one has ended."""
    context = {"message": "Future exception was never retrieved", "exception": error}
    handle_loop_exception(asyncio.get_running_loop(), context)
    assert ("never retrieved" in caplog.text) == is_reported
