"""What the gateway's loop is told of tasks that nobody waits for."""

from __future__ import annotations

import asyncio

import aiohttp
import hikari
import pytest

from services.gateway.__main__ import _complain


@pytest.mark.parametrize(
    ("error", "is_news"),
    [
        (aiohttp.ClientConnectionResetError("Cannot write to closing transport"), False),
        (hikari.GatewayConnectionError("Socket has closed"), False),
        (ValueError("a bug"), True),
    ],
)
async def test_a_connection_to_discord_that_has_ended_is_no_news(
    error: Exception, is_news: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """hikari leaves the failure of one side of it where it has heard of the other's."""
    context = {"message": "Future exception was never retrieved", "exception": error}
    _complain(asyncio.get_running_loop(), context)
    assert ("never retrieved" in caplog.text) == is_news
