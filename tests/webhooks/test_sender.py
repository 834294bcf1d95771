"""Endpoints are foreign: whatever they do, an attempt ends, and leads nowhere else."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import ThreadedResolver

from services.webhooks.limits import WebhookLimits
from services.webhooks.message import WebhookMessage
from services.webhooks.sender import Attempt, Sender
from shared.webhook_endpoints import Endpoint
from testing.eventually import PATIENCE
from tests.webhooks.receiver import HANG, SECRET, Receiver, answer, receiving

MESSAGE = WebhookMessage(1274150219482660897, 1_750_873_861_045_123, b'{"status":"online"}')
PATIENT = WebhookLimits(timeout_s=PATIENCE)


def at(url: str, *, private: bool) -> Endpoint:
    return Endpoint(url=url, label="there", secrets=(SECRET,), users=frozenset(), private=private)


async def send(url: str, *, private: bool = True, limits: WebhookLimits = PATIENT) -> Attempt:
    async with Sender(at(url, private=private), limits) as sender:
        return await sender.send(MESSAGE)


async def test_a_message_arrives(receiver: Receiver) -> None:
    """The receiver has verified its signature."""
    assert (await send(receiver.url)).delivered
    [received] = receiver.received
    assert received.body["data"] == {"status": "online"}
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"].startswith("Grux/")


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """It would lead the presence, and Grux, somewhere else."""
    async with receiving() as inside:
        for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
            receiver.answers = [answer(status, f"Location: {inside.url}")]
            attempt = await send(receiver.url)
            assert (attempt.result, attempt.delivered) == ("3xx", False)
        assert inside.received == []


@pytest.mark.parametrize(
    ("status", "result", "gone"),
    [
        ("200 OK", "2xx", False),
        ("400 Bad Request", "4xx", False),
        ("410 Gone", "4xx", True),
        ("503 Service Unavailable", "5xx", False),
    ],
)
async def test_the_status_decides(receiver: Receiver, status: str, result: str, gone: bool) -> None:
    """The body of the response does not count."""
    receiver.answers = [answer(status, body=b"x" * 100)]
    attempt = await send(receiver.url)
    assert (attempt.result, attempt.gone) == (result, gone)


async def test_the_body_of_a_response_is_not_read(receiver: Receiver) -> None:
    """However long the endpoint says that it is."""
    receiver.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + b"x" * 100_000]
    assert (await send(receiver.url)).delivered


async def test_an_endpoint_that_does_not_answer_is_given_up(receiver: Receiver) -> None:
    """The limit is for the whole request."""
    receiver.answers = [HANG]
    attempt = await send(receiver.url, limits=WebhookLimits(timeout_s=0.3))
    assert attempt.result == "timeout"


async def test_what_is_no_http_is_a_failure(receiver: Receiver) -> None:
    """As is a connection that ends without a response."""
    for reply in (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b"HTTP/1.1 nonsense\r\n\r\n"):
        receiver.answers = [reply]
        assert (await send(receiver.url)).result == "unreachable"


async def test_a_refused_connection_is_a_failure() -> None:
    """The text names no address, and nothing of the URL."""
    attempt = await send("http://127.0.0.1:9/hook?token=hunter2")
    assert attempt.result == "unreachable"
    assert "hunter2" not in attempt.detail
    assert "127.0.0.1" not in attempt.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:7f00:1]"])
async def test_no_private_address_is_connected_to(receiver: Receiver, host: str) -> None:
    """The address is checked when it is connected to, so a check of the URL is not needed."""
    attempt = await send(f"https://{host}:{receiver.port}/", private=False)
    assert attempt.result == "private"
    assert receiver.received == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "100.64.0.1"]
)
async def test_a_name_is_no_way_into_a_private_network(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Whatever it was resolved to before: what counts is the address of this connection."""
    resolve_to(monkeypatch, address)
    attempt = await send(f"https://hooks.example.org:{receiver.port}/", private=False)
    assert attempt.result == "private"
    assert '"private": true' in attempt.detail


async def test_without_encryption_no_public_address_is_connected_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of the private network that is public somewhere else."""
    resolve_to(monkeypatch, "162.159.135.233")
    assert (await send(f"http://bot.internal:{receiver.port}/")).result == "private"


@pytest.mark.parametrize("address", ["169.254.169.254", "224.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_metadata_of_a_cloud_is_no_private_network(
    monkeypatch: pytest.MonkeyPatch, scheme: str, address: str
) -> None:
    """An operator who trusts an endpoint does not mean that one."""
    resolve_to(monkeypatch, address)
    assert (await send(f"{scheme}://bot.internal/")).result == "private"


def resolve_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    async def resolve(_: object, host: str, port: int = 0, family: int = 0) -> list[Any]:
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("120", 120, 120),
        ("0", 0, 0),
        ("999999999999", 86_400, 86_400),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 0, 0),
        ("Mon, 01 Jan 9999 00:00:00 GMT", 86_400, 86_400),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("²", 0, 0),
        ("", 0, 0),
    ],
)
async def test_an_endpoint_may_say_when_to_try_again(
    receiver: Receiver, value: str, least: float, most: float
) -> None:
    """In seconds or as a date, and not for longer than a day."""
    receiver.answers = [answer("429 Too Many", f"Retry-After: {value}")]
    assert least <= (await send(receiver.url)).retry_after_s <= most


async def test_an_endpoint_may_name_a_date(receiver: Receiver) -> None:
    """It counts from the attempt on."""
    in_two_hours = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    receiver.answers = [answer("503 Busy", f"Retry-After: {in_two_hours}")]
    assert 3600 < (await send(receiver.url)).retry_after_s <= 7200


async def test_connections_are_used_again(receiver: Receiver) -> None:
    """A message costs no handshake."""
    async with Sender(at(receiver.url, private=True), PATIENT) as sender:
        for _ in range(5):
            assert (await sender.send(MESSAGE)).delivered
    assert len(receiver.received) == 5
    assert receiver.connections == 1
