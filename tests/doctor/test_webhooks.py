"""The doctor says which webhook endpoint cannot be reached, without sending anything to it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from services.doctor import webhooks
from shared.config import WebhooksSettings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def settings(url: str, *, private: bool = False, users: str = "") -> WebhooksSettings:
    more = f', "users": [{users}], "private": {str(private).lower()}'
    return WebhooksSettings(webhooks=f'[{{"url": "{url}", "secret": "{SECRET}"{more}}}]')


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        if not addresses:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize(
    ("url", "private", "addresses", "level", "expected"),
    [
        ("https://h.example/?hunter2", False, ["1.1.1.1"], "ok", "is sent the presences of every"),
        ("https://h.example/?hunter2", False, ["10.0.0.1", "1.1.1.1"], "ok", "is sent"),
        ("https://h.example/?hunter2", False, ["10.0.0.1"], "failure", "a private network"),
        ("https://h.example/?hunter2", False, [], "failure", "cannot be resolved"),
        ("http://h.example/?hunter2", True, ["10.0.0.1"], "ok", "is sent the presences of every"),
        ("http://h.example/?hunter2", True, ["1.1.1.1"], "failure", "http:// is not encrypted"),
        ("https://h.example/?hunter2", True, ["1.1.1.1"], "ok", "is sent the presences of every"),
        ("http://h.example/?hunter2", True, ["169.254.169.254"], "failure", "is link-local"),
        ("https://h.example/?hunter2", False, ["0.0.0.0"], "failure", "that of no server"),
        ("http://h.example/?hunter2", True, ["169.254.1.1", "10.0.0.1"], "ok", "is sent"),
    ],
)
async def test_addresses_are_checked(
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    private: bool,
    addresses: list[str],
    level: str,
    expected: str,
) -> None:
    """As they are when messages are sent. The finding names the host alone."""
    resolve_to(monkeypatch, *addresses)
    [found] = await webhooks.check(settings(url, private=private))
    assert found.level == level
    assert expected in found.message
    assert found.message.startswith("h.example ")
    assert "hunter2" not in found.message + found.remedy


@pytest.mark.parametrize("host", ["h..example", f"{'h' * 64}.example"])
async def test_a_name_that_cannot_exist_cannot_be_resolved(host: str) -> None:
    """Python's own resolver raises another error for it."""
    [found] = await webhooks.check(settings(f"https://{host}/"))
    assert found.message == f"{host} gets no webhooks: its name cannot be resolved"


async def test_the_number_of_users_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the endpoint is not for everyone; and there is no section without endpoints."""
    resolve_to(monkeypatch, "1.1.1.1")
    ids = '"1274150219482660897", "1274150219482660898"'
    [found] = await webhooks.check(settings("https://h.example/", users=ids))
    assert found.message == "h.example is sent the presences of 2 users"
    assert await webhooks.check(WebhooksSettings()) == []
