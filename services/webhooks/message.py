"""What an endpoint receives: https://www.standardwebhooks.com, version 1.

The id and the body of a state stay the same over retries, and after a restart. The signature is of
one attempt, as it covers the time at which it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct
from standardwebhooks import Webhook

UPDATED: Final = "presence.updated"
REMOVED: Final = "presence.removed"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class WebhookMessage(Struct):
    """The newest state of one user, for one endpoint."""

    user_id: int
    version: int  # of the snapshot: microseconds since 1970, and greater with each change
    presence: bytes  # shared.model.snapshot.Presence as JSON; empty: there is no presence any more
    failures: int = 0  # attempts that failed, those with older states of the user included
    not_before: float = 0.0  # loop time
    successes: int = 0  # of the endpoint, when the last attempt failed
    withheld: bool = False  # while it is on its way: it is not to be sent again

    @property
    def message_id(self) -> str:
        """The receiver may use it to recognize what it has processed already."""
        return f"presence-{self.user_id}-{self.version}"


def body(message: WebhookMessage) -> bytes:
    """The JSON of a message."""
    kind, data = (UPDATED, message.presence) if message.presence else (REMOVED, b"null")
    return b'{"type":"%b","timestamp":"%b","user_id":"%d","data":%b}' % (
        kind.encode(),
        timestamp(message.version).encode(),
        message.user_id,
        data,
    )


def headers(
    message: WebhookMessage, content: bytes, secrets: tuple[str, ...], now: datetime
) -> Mapping[str, str]:
    """Of an attempt that is made now. Each secret signs, so that a receiver may change its own."""
    text = content.decode()
    signatures = [
        Webhook(secret).sign(msg_id=message.message_id, timestamp=now, data=text)
        for secret in secrets
    ]
    return {
        "Content-Type": "application/json",
        "webhook-id": message.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def timestamp(version: int) -> str:
    """When the state was saved, as ISO 8601. The later one of two states of a user is newer."""
    return (_EPOCH + timedelta(microseconds=version)).isoformat(timespec="microseconds")[:-6] + "Z"
