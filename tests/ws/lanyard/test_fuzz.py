"""Anything that a client of Lanyard's dialect may send: any JSON, and any bytes."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.ws.incoming import Incoming
from services.ws.lanyard.protocol import (
    INVALID_PAYLOAD,
    Initialize,
    Unsubscribe,
    decode_message,
)
from services.ws.protocol import CloseReason
from tests.ws.ws_fixture import ANNA, frame

_ALL_KEYS = "op d subscribe_to_id subscribe_to_ids subscribe_to_all unsubscribe_from_id"
_keys = st.sampled_from(f"{_ALL_KEYS} unsubscribe_from_ids unsubscribe_from_all".split())
_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.just(str(ANNA)),
)
_json = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_keys, inner, max_size=5),
    max_leaves=15,
)
TEXT, BINARY, CONT = 1, 2, 0


@given(_json)
def test_any_json_is_understood_or_closes(said: Any) -> None:
    """Nothing is raised, and ids are ids."""
    found = decode_message(msgspec.json.encode(said))
    if isinstance(found, Initialize | Unsubscribe):
        assert set(found.user_ids) <= {ANNA}
    else:
        assert found is None or isinstance(found, CloseReason)


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_close(said: bytes) -> None:
    """Nothing is raised by what is no JSON."""
    try:
        msgspec.json.decode(said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        assert decode_message(said) is INVALID_PAYLOAD


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), st.text(max_size=400)), max_size=6))
def test_messages_arrive_whole_and_in_order(said: list[tuple[int, str]]) -> None:
    """In whatever fragments and chunks."""
    stream = b""
    for opcode, text in said:
        content = text.encode()
        middle = len(content) // 2
        stream += frame(opcode, content[:middle], fin=False) + frame(CONT, content[middle:])
    incoming = Incoming(65_536)
    messages: list[bytes] = []
    for start in range(0, len(stream), 7):
        messages += incoming.feed(stream[start : start + 7]).messages
    assert messages == [text.encode() for _, text in said]
    assert incoming.between_messages
