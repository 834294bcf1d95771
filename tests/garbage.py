"""What another program may have put into Redis under the keys of Grux."""

from __future__ import annotations

import json

import msgspec
from hypothesis import strategies as st

GOOD = b'{"status":"idle","spotify":null,"activity":[],"custom_status":null,"listening":null}'

NO_JSON_OBJECT = [
    b"",
    b"{",
    b"{}",
    b"null",
    b"1",
    b'"text"',
    b"[]",
    b'{"a":1',
    b'{"a":1}}',
    b'{"a":"\xff"}',
    b'{"\xc3\x28":1}',
    b'{"a":"' + b"\xed\xa0\x80" + b'"}',
    b" " * 100,
    b"\x00" * 100,
    b'{"a":' + b"[" * 5000,
    b"[" * 100_000,
]

NO_VERSION = [b"", b"x", b"-1", b"0", b"1.5", b"1e3", b"0x10", b"inf", b"nan", b" 1", b"9" * 5000]

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)

numbers = st.integers() | st.sampled_from([0, -1, 2**53, 2**63, 2**64, 10**30]) | _json


def _message(parts: tuple[object, object, object, bool]) -> bytes:
    version, profile, presence, removed = parts
    told = {"version": version, "profile": profile, "presence": presence, "removed": removed}
    return msgspec.json.encode(told)


def _may_be_ours(message: bytes) -> bool:
    """Whether the gateway may have sent it, read with another reader than Grux's."""
    try:
        read = json.loads(message)
    except (ValueError, RecursionError):
        return False
    if not isinstance(read, dict) or type(read.get("version")) is not int:
        return False
    told = [read[name] for name in ("profile", "presence") if name in read]
    whole = all(isinstance(part, dict) and part for part in told)
    return 0 < read["version"] < 2**53 and whole and bool(told or read.get("removed"))


messages = (
    st.binary(max_size=200)
    | st.sampled_from(NO_JSON_OBJECT)
    | st.tuples(numbers, st.integers() | st.lists(_json), _json, st.just(False)).map(_message)
    | st.sampled_from(NO_JSON_OBJECT).map(lambda part: b'{"version":1,"presence":%b}' % part)
    | st.sampled_from(NO_VERSION).map(lambda text: b'{"version":%b,"presence":%b}' % (text, GOOD))
).filter(lambda message: not _may_be_ours(message))
"""Of a user's channel. None of them is one that the gateway may have sent."""

hashes = st.dictionaries(
    st.sampled_from(["version", "profile", "presence", "discord", "x"]),
    st.binary(max_size=40) | st.sampled_from([*NO_JSON_OBJECT, *NO_VERSION, GOOD, b"1"]),
    min_size=1,
).filter(lambda fields: fields.keys() != {"x"})
"""Fields to overwrite in the hash of a user."""
