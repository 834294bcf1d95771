"""Frames, byte for byte."""

from __future__ import annotations

import msgspec
import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from services.ws import protocol
from services.ws.protocol import (
    INVALID_USER_ID,
    NO_PONG,
    RATE_LIMITED,
    RESTART,
    UNAVAILABLE,
    USER_NOT_MONITORED,
    CloseReason,
    ErrorNotice,
)

PROFILE = b'{"bot":false,"username":"anna"}'
PRESENCE = b'{"status":"idle","spotify":null,"activity":[],"custom_status":null,"listening":null}'


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
def test_a_client_reads_text_of_every_length(size: int) -> None:
    """Each of the three length encodings of RFC 6455 is used for its lengths."""
    payload = b"x" * size
    assert protocol.text(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_initial_data() -> None:
    """The presence's members follow the profile in one object."""
    assert protocol.initial_data(1, PROFILE, PRESENCE).endswith(
        b'{"op":"initial_data","user_id":"1","d":{"profile":{"bot":false,"username":"anna"},'
        b'"status":"idle","spotify":null,"activity":[],"custom_status":null,"listening":null}}'
    )


def test_presence_update() -> None:
    """The presence, unchanged."""
    assert protocol.presence_update(1, PRESENCE).endswith(
        b'{"op":"presence_update","user_id":"1","d":' + PRESENCE + b"}"
    )


def test_profile_update() -> None:
    """The whole profile, as `profile`."""
    assert protocol.profile_update(1, PROFILE)[2:] == (
        b'{"op":"profile_update","user_id":"1","d":{"profile":' + PROFILE + b"}}"
    )


def test_error() -> None:
    """An error names the user, or null when there is none; hostile text stays text."""
    frame = ErrorNotice(INVALID_USER_ID, "No.", '"}').frame
    assert frame[2:] == (
        b'{"op":"error","user_id":"\\"}","d":{"code":"invalid_user_id","message":"No."}}'
    )
    assert msgspec.json.decode(ErrorNotice(RESTART, "No.").frame[2:])["user_id"] is None


@pytest.mark.parametrize(
    ("close_reason", "code"),
    [
        (INVALID_USER_ID, 4400),
        (USER_NOT_MONITORED, 4404),
        (NO_PONG, 4408),
        (RATE_LIMITED, 4429),
        (RESTART, 1012),
        (UNAVAILABLE, 1013),
    ],
)
def test_close_codes(close_reason: CloseReason, code: int) -> None:
    """A client reads each Close frame as the code of the contract."""
    client = Protocol(Side.CLIENT)
    client.receive_data(close_reason.frame)
    assert client.close_rcvd is not None
    assert (client.close_rcvd.code, client.close_rcvd.reason) == (code, close_reason.name)
