"""The receivers in docs/webhooks.md work, and its figures are those of the code."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from services.webhooks import message
from services.webhooks.limits import DEFAULT_LIMITS, WebhookLimits
from services.webhooks.message import WebhookMessage
from services.webhooks.sender import Attempt, Sender
from shared import webhook_endpoints
from shared.webhook_endpoints import Endpoint
from testing.eventually import PATIENCE, eventually_async
from testing.free_port import free_port
from testing.process import Process
from tests.documents import ROOT, blocks, rows
from tests.webhooks.receiver import SECRET

PAGE = ROOT / "docs" / "webhooks.md"
TEXT = PAGE.read_text()
NODE = shutil.which("node")
USER = 161092844126208001
SHOWN = WebhookMessage(USER, 1_784_053_200_123_456, b'{"status":"dnd","spotify":null}')
REMOVED = WebhookMessage(USER, 1_784_053_200_123_457, b"")


def example(language: str) -> str:
    [found] = [
        block.text
        for block in blocks(PAGE)
        if block.heading == "Verify a message" and block.language == language
    ]
    return found


@asynccontextmanager
async def receiving(folder: Path, language: str) -> AsyncIterator[tuple[Process, str]]:
    """The program of the page, and its URL."""
    name, program = {"python": ("r.py", sys.executable), "js": ("r.mjs", str(NODE))}[language]
    (folder / name).write_text(example(language))
    port = free_port()
    process = await Process.start(program, folder / name, env={"SECRET": SECRET, "PORT": str(port)})
    try:
        yield process, f"http://127.0.0.1:{port}/"
    finally:
        await process.kill()


async def send(url: str, secret: str, message: WebhookMessage) -> Attempt:
    one = Endpoint(url=url, label="x", secrets=(secret,), users=frozenset(), private=True)
    async with Sender(one, WebhookLimits(timeout_s=PATIENCE)) as sender:
        return await sender.send(message)


@pytest.mark.parametrize(
    "language",
    [
        "python",
        pytest.param("js", marks=pytest.mark.skipif(NODE is None, reason="needs Node.js")),
    ],
)
async def test_a_receiver_takes_what_is_signed_for_it(tmp_path: Path, language: str) -> None:
    """And rejects all else."""
    async with receiving(tmp_path, language) as (process, url):

        async def delivered() -> bool:
            return (await send(url, SECRET, SHOWN)).delivered

        await eventually_async(delivered)
        await process.line_with(f"{USER} dnd")
        stranger = "whsec_" + "B" * 32
        assert (await send(url, stranger, SHOWN)).result == "4xx"
        both = Endpoint(
            url=url, label="x", secrets=(stranger, SECRET), users=frozenset(), private=True
        )
        async with Sender(both, WebhookLimits(timeout_s=PATIENCE)) as sender:
            assert (await sender.send(REMOVED)).delivered
        await process.line_with(f"{USER} removed")


def test_the_keys_of_an_endpoint_are_explained() -> None:
    """All of them, in the order of the code."""
    explained = [row[0].strip("`") for row in rows(PAGE, "Set it up")]
    assert explained == list(webhook_endpoints.EndpointSettings.__struct_fields__)
    assert f"at most {webhook_endpoints.MAX_ENDPOINTS} endpoints" in TEXT
    assert (
        f"{webhook_endpoints.SECRET_MIN_BYTES} to {webhook_endpoints.SECRET_MAX_BYTES} random bytes"
        in TEXT
    )


def test_the_example_of_a_message_is_one() -> None:
    """Its keys and its id, in this order."""
    [shown] = [block.text for block in blocks(PAGE) if block.heading == "The messages"]
    content = shown.rpartition("\n\n")[2].replace(",…}", "}")
    decoded = json.loads(content)
    assert list(decoded) == list(msgspec.json.decode(message.body(SHOWN)))
    assert decoded["timestamp"] == message.timestamp(SHOWN.version)
    assert f"webhook-id: {SHOWN.message_id}\n" in shown
    kinds = [row[0].strip("`") for row in rows(PAGE, "The messages")]
    assert kinds == [message.UPDATED, message.REMOVED]


def test_the_figures_are_those_of_the_code() -> None:
    """Delays and limits."""
    text = " ".join(TEXT.split())
    limits = DEFAULT_LIMITS
    assert f"within {limits.timeout_s:.0f} seconds" in text
    assert f"first retry is after {limits.backoff.first_s:.0f} seconds" in text
    assert "each next delay is twice as long" in text
    assert limits.backoff.factor == 2
    assert f"up to {limits.backoff.max_s / 60:.0f} minutes" in text
    assert "up to a quarter of it at random" in text
    assert limits.jitter == 0.25
    assert "up to a day" in text
    assert limits.max_retry_after_s == 86_400
    assert re.search("within ten seconds after it was killed, and within two", text)
    assert (limits.lease_ttl_s, limits.lease_interval_s) == (10, 2)
