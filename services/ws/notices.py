"""The error frames that say the same to every client, or differ only in the user."""

from __future__ import annotations

from typing import Final

from services.ws.protocol import RATE_LIMITED, UNAVAILABLE, USER_NOT_MONITORED, ErrorNotice

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
    "Too many messages arrived from you or your IP address. This server needs none: connect and "
    "listen.",
)
