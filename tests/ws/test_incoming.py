"""The bytes of clients, in any pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ws.incoming import Incoming
from services.ws.protocol import RESTART
from tests.ws.ws_fixture import frame

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10

conversations = st.lists(
    st.one_of(
        st.builds(lambda data: frame(BINARY, data), st.binary(max_size=300)),
        st.builds(lambda text: frame(TEXT, text.encode()), st.text(max_size=100)),
        st.builds(lambda data: frame(PING, data), st.binary(max_size=125)),
        st.just(frame(TEXT, b"\xe2\x82", fin=False) + frame(PING) + frame(CONT, b"\xac")),
    ),
    max_size=8,
)


@given(conversations, st.data())
def test_chunks_make_no_difference(frames: list[bytes], data: st.DataObject) -> None:
    """However the bytes are split, the reply is the same, and nothing is left over."""
    stream = b"".join(frames)
    whole = Incoming(4096)
    expected = whole.feed(stream)
    assert whole.between_messages
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    cut_up = Incoming(4096)
    result = [cut_up.feed(piece) for piece in pieces]
    assert b"".join(one.reply for one in result) == expected.reply
    assert sum(one.frames for one in result) == expected.frames
    assert cut_up.between_messages


@given(st.data())
def test_it_is_never_dropped_inside_a_message(data: st.DataObject) -> None:
    """Inside a frame, or between the fragments of a message, the reader is needed."""
    stream = data.draw(
        st.sampled_from(
            [frame(BINARY, b"x" * 200), frame(TEXT, b"a", fin=False) + frame(CONT, b"b")]
        )
    )
    incoming = Incoming(4096)
    incoming.feed(stream[: data.draw(st.integers(1, len(stream) - 1))])
    assert not incoming.between_messages


@given(st.binary(max_size=2000))
def test_random_bytes(noise: bytes) -> None:
    """No bytes raise an exception."""
    Incoming(4096).feed(noise)


def test_the_answer_to_our_close() -> None:
    """The client's Close after the server's gets no answer, and ends the connection."""
    incoming = Incoming(4096)
    incoming.close_sent(RESTART)
    result = incoming.feed(frame(CLOSE, b"\x03\xf4"))
    assert (result.reply, result.closed) == (b"", True)


def test_a_long_length() -> None:
    """A length that is not encoded in the fewest bytes is accepted."""
    incoming = Incoming(4096)
    result = incoming.feed(b"\x82\xfe\x00\x01\x00\x00\x00\x00x")
    assert (result.frames, result.closed) == (1, False)
    assert incoming.feed(frame(PING, b"?")).reply == b"\x8a\x01?"
