"""The error frames that say the same to every client, or differ only in the user."""

from __future__ import annotations

from typing import Final

from services.ws import protocol
from services.ws.protocol import (
    INVALID_MESSAGE,
    INVALID_USER_ID,
    RATE_LIMITED,
    UNAVAILABLE,
    USER_NOT_MONITORED,
    ErrorNotice,
)
from shared.discord import snowflake

ECHOED_ID_CHARACTERS: Final = 64  # of a malformed id

NOT_MONITORED: Final = ErrorNotice(
    USER_NOT_MONITORED,
    "This user is not in any server that Grux monitors. Ask them to join one, then connect again.",
)
LEFT: Final = ErrorNotice(
    USER_NOT_MONITORED,
    "This user has left every server that Grux monitors, so their presence is not shown.",
)
UNREADABLE: Final = ErrorNotice(
    UNAVAILABLE, "Presence cannot be read at the moment. Connect again in a few seconds."
)
TOO_MANY_CONNECTIONS: Final = ErrorNotice(
    RATE_LIMITED,
    "Too many connections are open from your IP address. Close some, or read several users on one.",
)
TOO_MANY_HANDSHAKES: Final = ErrorNotice(
    RATE_LIMITED,
    "Too many connections were opened from your IP address within a minute. Wait a minute, then "
    "connect once and keep the connection.",
)
TOO_MANY_USERS: Final = ErrorNotice(
    RATE_LIMITED,
    "Too many users were requested from your IP address within a minute. Wait a minute, and keep "
    "connections instead of opening new ones.",
)
TOO_MANY_MESSAGES: Final = ErrorNotice(
    RATE_LIMITED,
    "Too many messages arrived from you or your IP address within a minute. Wait a minute. No "
    "heartbeats are needed, and one message may name several users.",
)
UNREAD_ANSWERS: Final = ErrorNotice(
    RATE_LIMITED,
    "Messages arrive from you faster than you read the answers. Read them, then send the next one.",
)


def malformed_id(text: str) -> ErrorNotice:
    """Discord can have given this id to no user."""
    return ErrorNotice(
        INVALID_USER_ID,
        f"{snowflake.problem(text)} {snowflake.FORM} {snowflake.HOW_TO_COPY}",
        text[:ECHOED_ID_CHARACTERS],
    )


def invalid_message(problem: str) -> ErrorNotice:
    """`problem`: what is wrong with the message, without a full stop."""
    return ErrorNotice(
        INVALID_MESSAGE,
        f"This message cannot be understood: {problem}. Send an object with op, either subscribe "
        "or unsubscribe, and user_ids, an array of Discord ids as strings; heartbeats are not "
        "needed. The third invalid message closes the connection.",
    )


def too_many_users(users: int, at_most: int) -> bytes:
    """The error frame. It never closes the connection."""
    return protocol.error(
        None,
        "too_many_users",
        f"One message and one connection hold at most {at_most} users, and these would be {users}. "
        "Nothing was changed. Unsubscribe from some first, or open another connection.",
    )
