"""The gateway's numbers and the frames a client sends.

Source: topics/opcodes-and-status-codes, events/gateway ("List of Intents"),
events/gateway-events ("Send Events").
"""

from enum import IntEnum, IntFlag
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Raw, Struct, UnsetType


class Op(IntEnum):
    """Gateway opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE_UPDATE = 3
    VOICE_STATE_UPDATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_GUILD_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11
    REQUEST_SOUNDBOARD_SOUNDS = 31
    REQUEST_CHANNEL_INFO = 43


class Intent(IntFlag):
    """The intents that decide what this simulator sends; events of others never happen."""

    NONE = 0
    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8


HONOURED_INTENTS: Final = Intent.GUILDS | Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES
KNOWN_INTENTS: Final = (1 << 17) - 1 | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25


class CloseCode(IntEnum):
    """Why the gateway ends a connection."""

    UNKNOWN_ERROR = 4000
    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    INVALID_SEQ = 4007
    RATE_LIMITED = 4008
    SESSION_TIMED_OUT = 4009
    INVALID_SHARD = 4010
    SHARDING_REQUIRED = 4011
    INVALID_API_VERSION = 4012
    INVALID_INTENTS = 4013
    DISALLOWED_INTENTS = 4014


CLOSE_REASONS: Final[dict[int, str]] = {
    CloseCode.UNKNOWN_ERROR: "Unknown error.",
    CloseCode.UNKNOWN_OPCODE: "Unknown opcode.",
    CloseCode.DECODE_ERROR: "Error while decoding payload.",
    CloseCode.NOT_AUTHENTICATED: "Not authenticated.",
    CloseCode.AUTHENTICATION_FAILED: "Authentication failed.",
    CloseCode.ALREADY_AUTHENTICATED: "Already authenticated.",
    CloseCode.INVALID_SEQ: "Invalid seq.",
    CloseCode.RATE_LIMITED: "Rate limited.",
    CloseCode.SESSION_TIMED_OUT: "Session timed out.",
    CloseCode.INVALID_SHARD: "Invalid shard.",
    CloseCode.SHARDING_REQUIRED: "Sharding required.",
    CloseCode.INVALID_API_VERSION: "Invalid API version.",
    CloseCode.INVALID_INTENTS: "Invalid intent(s).",
    CloseCode.DISALLOWED_INTENTS: "Disallowed intent(s).",
}

# After these the session is gone too. Of the others a client may resume.
ENDS_SESSION: Final = frozenset({CloseCode.INVALID_SEQ, CloseCode.SESSION_TIMED_OUT})
MAX_PAYLOAD_BYTES: Final = 4096


class Closed(Exception):
    """Raised when what a client did is answered by closing its connection."""

    def __init__(self, code: CloseCode) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code.value} {CLOSE_REASONS[self.code]}"


class ClientFrame(Struct):
    """Any frame from a client; ``d`` waits until ``op`` says what it is."""

    op: int
    d: Raw = Raw(b"null")


class Identify(Struct):
    """Op 2. ``properties`` and ``presence`` are taken as they come."""

    token: str
    intents: int
    properties: dict[str, Any]
    compress: bool = False
    large_threshold: Annotated[int, Meta(ge=25, le=250)] = 50
    shard: list[int] | None = None
    presence: dict[str, Any] | None = None


class Resume(Struct):
    """Op 6."""

    token: str
    session_id: str
    seq: int


class RequestGuildMembers(Struct):
    """Op 8: by ``query`` (empty with ``limit`` 0: every member) or by ``user_ids``."""

    guild_id: str | int
    query: str | UnsetType = UNSET
    limit: int = 0
    presences: bool = False
    user_ids: list[str | int] | str | int | UnsetType = UNSET
    nonce: str | None = None
