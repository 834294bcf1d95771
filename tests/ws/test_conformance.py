"""The frame layer against RFC 6455, row by row, like a conformance suite.

None of these messages is one of Grux's: whether one was taken is seen by the ping behind it.
"""

from __future__ import annotations

import struct

import msgspec
import pytest
from msgspec import Struct

from testing.eventually import eventually
from tests.ws.ws_fixture import ANNA, Backend, RawClient, frame

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
OPEN = 0  # instead of a close code: the connection stays open

EURO = "€".encode()
LONGEST = 4096  # bytes in a message


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


class Case(Struct, frozen=True):
    """What a client sends, and how the server answers."""

    section: str  # of RFC 6455
    name: str
    sent: bytes
    ends: int = OPEN  # the close code; 1005: a Close without one
    pongs: tuple[bytes, ...] = ()


def fragments(*parts: bytes, opcode: int = TEXT) -> bytes:
    """One message in so many frames."""
    frames = [frame(opcode if at == 0 else CONT, part, fin=False) for at, part in enumerate(parts)]
    return b"".join(frames) + frame(CONT, b"")


CASES = [
    # Messages of every size, and lengths in each of the three forms.
    *(
        Case("5.2", f"{kind} of {size} bytes", frame(opcode, b"x" * size))
        for kind, opcode in (("text", TEXT), ("binary", BINARY))
        for size in (0, 1, 125, 126, 127, 128, 4095, LONGEST)
    ),
    Case("5.2", "a length in two bytes more than it needs", b"\x82\xfe\x00\x01\0\0\0\0x"),
    Case(
        "5.2",
        "a length in eight bytes more than it needs",
        b"\x82\xff" + b"\0" * 7 + b"\x01\0\0\0\0x",
    ),
    Case("5.2", "a length of 2^63", b"\x82\xff\x80" + b"\0" * 11, 1009),
    Case("5.2", "a length of 2^64 - 1", b"\x82\xff" + b"\xff" * 8 + b"\0" * 4, 1009),
    Case("5.3", "a mask of zeros", b"\x81\x81\0\0\0\0x"),
    Case("5.1", "a frame that is not masked", frame(TEXT, b"x", mask=False), 1002),
    Case("5.1", "a ping that is not masked", frame(PING, b"", mask=False), 1002),
    Case("5.1", "a Close that is not masked", frame(CLOSE, b"\x03\xe8", mask=False), 1002),
    # Reserved bits and opcodes.
    *(
        Case(
            "5.2", f"reserved bits {rsv:03b} on opcode {opcode}", frame(opcode, b"", rsv=rsv), 1002
        )
        for rsv in range(1, 8)
        for opcode in (TEXT, BINARY, PING, CLOSE)
    ),
    *(
        Case("5.2", f"reserved opcode {opcode}", frame(opcode, b""), 1002)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    ),
    # Fragmentation.
    Case("5.4", "text in two", fragments(b"a")),
    Case("5.4", "binary in five", fragments(b"a", b"b", b"c", b"d", opcode=BINARY)),
    Case("5.4", "fragments without content", fragments(b"", b"", b"")),
    Case("5.4", "a continuation of nothing", frame(CONT, b"x"), 1002),
    Case("5.4", "a continuation of nothing that goes on", frame(CONT, b"x", fin=False), 1002),
    Case("5.4", "a continuation after the end", fragments(b"a") + frame(CONT, b"x"), 1002),
    Case(
        "5.4", "a message inside a message", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002
    ),
    Case(
        "5.4",
        "a ping inside a message",
        frame(TEXT, b"a", fin=False) + frame(PING, b"?") + frame(CONT, b"b"),
        pongs=(b"?",),
    ),
    Case(
        "5.4",
        "pings and pongs inside a message",
        frame(BINARY, b"a", fin=False)
        + frame(PING, b"1")
        + frame(PONG, b"0")
        + frame(CONT, b"b", fin=False)
        + frame(PING, b"2")
        + frame(CONT, b"c"),
        pongs=(b"1", b"2"),
    ),
    *(
        Case("5.4", f"a Close inside {what}", started + close(1001, b"bye"), 1001)
        for what, started in {
            "a message": frame(TEXT, b"a", fin=False),
            "a message that went on": frame(BINARY, b"a", fin=False) + frame(CONT, b"b", fin=False),
            "a character": frame(TEXT, EURO[:2], fin=False),
        }.items()
    ),
    Case(
        "5.4",
        "a bare Close inside a message",
        frame(TEXT, b"", fin=False) + frame(CLOSE, b""),
        1005,
    ),
    Case(
        "5.4",
        "a Close with half a code inside a message",
        frame(TEXT, b"a", fin=False) + frame(CLOSE, b"\x03"),
        1002,
    ),
    # Control frames.
    *(
        Case(
            "5.5.2",
            f"a ping with {size} bytes",
            frame(PING, bytes(range(size))),
            pongs=(bytes(range(size)),),
        )
        for size in (0, 1, 124, 125)
    ),
    Case("5.5.2", "a ping that is no text", frame(PING, b"\x00\xff\xfe"), pongs=(b"\x00\xff\xfe",)),
    Case(
        "5.5.2",
        "ten pings in a row",
        b"".join(frame(PING, b"%d" % n) for n in range(10)),
        pongs=tuple(b"%d" % n for n in range(10)),
    ),
    Case("5.5.3", "an unsolicited pong", frame(PONG, b"hello")),
    *(
        Case("5.5", f"control frame {opcode} in fragments", frame(opcode, b"", fin=False), 1002)
        for opcode in (CLOSE, PING, PONG)
    ),
    *(
        Case("5.5", f"control frame {opcode} with {size} bytes", frame(opcode, b"x" * size), ends)
        for opcode in (CLOSE, PING, PONG)
        for size, ends in ((126, 1002), (65_536, 1009))
    ),
    # The closing handshake.
    Case("5.5.1", "a Close without a code", frame(CLOSE, b""), 1005),
    Case("5.5.1", "a Close with half a code", frame(CLOSE, b"\x03"), 1002),
    Case("5.5.1", "a Close with a reason", close(1000, b"bye"), 1000),
    Case("5.5.1", "a Close with the longest reason", close(1000, b"x" * 123), 1000),
    Case("5.5.1", "what follows a Close is not read", close(1000) + frame(3, b"") * 9, 1000),
    *(
        Case("7.4.1", f"code {code}", close(code), code)
        for code in (1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999)
    ),
    *(
        Case("7.4.1", f"code {code}, which is not for the wire", close(code), 1002)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    ),
    Case("7.1.6", "a reason that is not UTF-8", close(1000, b"\xff"), 1007),
    Case("7.1.6", "a reason that ends inside a character", close(1000, EURO[:2]), 1007),
    # UTF-8.
    Case("8.1", "characters of each length", frame(TEXT, "aé€𝄞\U0010ffff".encode())),
    Case("8.1", "a character over three fragments", fragments(EURO[:1], EURO[1:2], EURO[2:])),
    Case("8.1", "binary may be anything", frame(BINARY, b"\xff\xfe\x00")),
    Case("8.1", "binary in fragments too", fragments(b"\xff", b"\xfe", opcode=BINARY)),
    *(
        Case("8.1", f"text that is {what}", frame(TEXT, text), 1007)
        for what, text in {
            "no UTF-8": b"\xff",
            "a lone continuation": b"\x80",
            "longer than it needs": b"\xc0\xaf",
            "a surrogate": b"\xed\xa0\x80",
            "beyond Unicode": b"\xf4\x90\x80\x80",
            "cut off": EURO[:2],
        }.items()
    ),
    Case("8.1", "a fragment that is no UTF-8", fragments(b"a", b"\xff"), 1007),
    Case("8.1", "a character that the next fragment breaks", fragments(EURO[:2], b"a"), 1007),
    Case("8.1", "a message that ends inside a character", fragments(EURO[:2]), 1007),
    # Limits of this server: messages of 4 KiB (1009 is section 7.4.1).
    *(
        Case("7.4.1", f"a message of {size} bytes", frame(BINARY, b"x" * size), 1009)
        for size in (LONGEST + 1, 65_535, 65_536, 1_000_000)
    ),
    Case("7.4.1", "fragments that are too much together", fragments(*[b"x" * 1000] * 5), 1009),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section} {case.name}")
async def test_rfc_6455(backend: Backend, case: Case) -> None:
    """Pongs with their payload, then the close code and the end; or it stays open."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        assert (await raw.frame())[0] == TEXT
        raw.writer.write(case.sent + (frame(PING, b"still here?") if case.ends == OPEN else b""))
        for payload in case.pongs:
            assert await answer(raw) == (PONG, payload)
        if case.ends == OPEN:
            assert await answer(raw) == (PONG, b"still here?")
        else:
            opcode, payload = await answer(raw)
            assert opcode == CLOSE
            assert (int.from_bytes(payload[:2]) if payload else 1005) == case.ends
            assert await raw.ended() == b"", "nothing comes after Close"
        await raw.hang_up()
        await eventually(lambda: ws.counters.connections == 0)


async def answer(raw: RawClient) -> tuple[int, bytes]:
    """The next frame that is no error frame: none of these messages is a valid one."""
    while True:
        opcode, payload = await raw.frame()
        if opcode != TEXT:
            return opcode, payload
        assert msgspec.json.decode(payload)["d"]["code"] == "invalid_message"


def test_every_row_has_its_name() -> None:
    """No two rows have the same name."""
    names = [(case.section, case.name) for case in CASES]
    assert len(set(names)) == len(names)
