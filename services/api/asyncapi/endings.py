"""How a connection ends, as clients see it. A test compares this with services/ws/protocol.py."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Ending(Struct, frozen=True):
    """A close code. RFC 6455, 7.4; those from 4000 on are Grux's own."""

    code: int
    reason: str  # of the Close frame, and the error frame's code
    when: str
    then: str  # what a client does


ENDINGS: Final = (
    Ending(
        4400,
        "invalid_user_id",
        "`user_id` is missing or malformed, or there are more than 50",
        "mend the URL",
    ),
    Ending(
        4404,
        "user_not_monitored",
        "no monitored server has the user, or they have left",
        "do not reconnect",
    ),
    Ending(4408, "no_pong", "no answer to a ping", "reconnect"),
    Ending(
        4429,
        "rate_limited",
        "too many connections from one address, or a flood of messages",
        "reconnect later",
    ),
    Ending(1009, "", "a message of yours was larger than 4 KiB", "send nothing"),
    Ending(1012, "restart", "the server restarts", "reconnect after a random delay"),
    Ending(1013, "unavailable", "presence cannot be read now", "reconnect later"),
)


def table() -> str:
    """As Markdown."""
    rows = [f"| {e.code} | {e.reason} | {e.when} | {e.then} |" for e in ENDINGS]
    return "\n".join(["| code | reason | when | then |", "|---|---|---|---|", *rows])
