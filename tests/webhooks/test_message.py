"""A message is what Standard Webhooks says, and its data is what the API shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.webhooks import message
from services.webhooks.message import WebhookMessage
from tests.webhooks.receiver import SECRET

ANNA = 1274150219482660897
OTHER = "whsec_" + "B" * 32
MESSAGE = WebhookMessage(ANNA, 1_750_873_861_045_123, b'{"status":"online","spotify":null}')


def test_the_bytes_of_an_update() -> None:
    """`data` is not encoded again."""
    assert message.body(MESSAGE) == (
        b'{"type":"presence.updated","timestamp":"2025-06-25T17:51:01.045123Z",'
        b'"user_id":"1274150219482660897","data":{"status":"online","spotify":null}}'
    )


def test_the_bytes_of_a_removal() -> None:
    """It says nothing of why."""
    assert message.body(WebhookMessage(ANNA, 1_750_873_861_000_000, b"")) == (
        b'{"type":"presence.removed","timestamp":"2025-06-25T17:51:01.000000Z",'
        b'"user_id":"1274150219482660897","data":null}'
    )


def test_each_secret_verifies_it() -> None:
    """A receiver knows one of them."""
    content = message.body(MESSAGE)
    headers = dict(message.headers(MESSAGE, content, (OTHER, SECRET), datetime.now(UTC)))
    assert headers["webhook-id"] == f"presence-{ANNA}-1750873861045123"
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(content, headers) == msgspec.json.decode(content)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "C" * 32).verify(content, headers)


def test_an_attempt_is_signed_when_it_is_made() -> None:
    """Receivers reject what is old, so a retry has another signature and the same id."""
    content, now = message.body(MESSAGE), datetime.now(UTC)
    earlier = message.headers(MESSAGE, content, (SECRET,), now - timedelta(hours=1))
    later = message.headers(MESSAGE, content, (SECRET,), now)
    assert earlier["webhook-id"] == later["webhook-id"]
    assert earlier["webhook-signature"] != later["webhook-signature"]
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(content, dict(earlier))


@pytest.mark.parametrize("version", [1, (1 << 53) - 1])
def test_every_version_has_a_time(version: int) -> None:
    """Whatever is in Redis."""
    assert message.timestamp(version).endswith("Z")
