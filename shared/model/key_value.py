"""The key-value store of a user: strings that the user writes, public with the presence.

The limits, their order and their messages are those of Lanyard's API (docs/lanyard.md), so that
its clients see what they know. Nothing here does I/O.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

KV_MAX_KEYS: Final = 512
KV_MAX_KEY_CHARS: Final = 255
KV_MAX_VALUE_CHARS: Final = 30_000
KV_MAX_BYTES: Final = 131_072

EMPTY: Final = b"{}"

_KEY: Final = re.compile(r"[A-Za-z0-9_]+")
_JOINED: Final = re.compile("\u200d+[^\u200d]?")  # what follows a joiner belongs to what precedes
_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_IN_PROFILE: Final = b',"kv":{}'
"""Where the gateway leaves room. A quote inside of a string is escaped: it is nowhere else."""

_decode: Final = msgspec.json.Decoder(dict[str, str]).decode

Pairs = Mapping[str, str]


class KvLimits(Struct, frozen=True):
    """What one user may store."""

    max_bytes: int = KV_MAX_BYTES  # of the whole store as JSON: it is part of every frame


class KvRejected(Exception):
    """Raised when a write would break a limit. The text is for the client."""


class InvalidKvValue(Exception):
    """Raised when what a client wants to store is not text, or not an object of texts."""


def parse_pairs(body: bytes) -> dict[str, str]:
    """The pairs in a JSON object of strings. Raises InvalidKvValue."""
    try:
        pairs = _decode(body)
        for text in (*pairs, *pairs.values()):
            text.encode()  # a lone surrogate has no UTF-8
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidKvValue from None
    return pairs


def parse_value(body: bytes) -> str:
    """A value as its bytes came. Raises InvalidKvValue."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise InvalidKvValue from None


def put(kv: Pairs, key: str, value: str, limits: KvLimits) -> dict[str, str]:
    """`kv` with this one pair. Raises KvRejected."""
    changed = {**kv, key: value}
    if len(changed) > max(KV_MAX_KEYS, len(kv)):
        raise KvRejected(
            f"request would exceed key limit ({KV_MAX_KEYS}), please delete keys first"
        )
    _check_pair(key, value)
    _check_size(kv, changed, limits)
    return changed


def patch(kv: Pairs, pairs: Pairs, limits: KvLimits) -> dict[str, str]:
    """`kv` with all of these pairs. Raises KvRejected."""
    for key, value in pairs.items():
        _check_pair(key, value)
    changed = {**kv, **pairs}
    if len(changed) > max(KV_MAX_KEYS, len(kv)):
        raise KvRejected(
            f"request would exceed the key limit ({KV_MAX_KEYS}), please delete some keys first"
        )
    _check_size(kv, changed, limits)
    return changed


def without(kv: Pairs, key: str) -> dict[str, str]:
    """`kv` without this key, which need not be there."""
    return {known: value for known, value in kv.items() if known != key}


def encode(kv: Pairs) -> bytes:
    """As JSON. Equal stores have equal bytes: keys are sorted."""
    return msgspec.json.encode(dict(sorted(kv.items())))


def decode(json: bytes) -> dict[str, str]:
    """What `encode` has made. Raises msgspec.DecodeError."""
    return _decode(json)


def is_kv(json: Any) -> bool:
    """Whether it is a JSON object of strings, in UTF-8."""
    if json == EMPTY:
        return True
    if not isinstance(json, bytes):
        return False
    try:
        _decode(json)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def with_kv(profile: bytes, kv: bytes) -> bytes:
    """A profile (snapshot.Profile as JSON) that shows `kv`, which is JSON as well."""
    if _IN_PROFILE in profile:
        return profile if kv == EMPTY else profile.replace(_IN_PROFILE, b',"kv":%b' % kv, 1)
    return b'%b,"kv":%b}' % (profile[:-1], kv)  # written by an older gateway


def count_chars(text: str) -> int:
    """Characters as people count them: 👍🏽 and é are one each, however they are composed.

    Unicode's rules (UAX 29) without the rare ones: it may count too few, and never more than the
    code points.
    """
    if text.isascii():
        return len(text)
    # Counted in C: a loop over the 800,000 characters of a value blocks the event loop.
    text = _FLAG.sub("-", _JOINED.sub("", text))
    times = Counter(text)
    return len(text) - sum(times[char] for char in times if _continues(char))


def _continues(char: str) -> bool:
    """Whether it belongs to the character in front of it."""
    return (
        char == "\u200c"
        or "\U0001f3fb" <= char <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= char <= "\U000e007f"  # tags: the flags of Scotland and Wales
        or (char > "\u02ff" and unicodedata.category(char) in ("Mn", "Me", "Mc"))
    )


def _check_pair(key: str, value: str) -> None:
    if len(key) > KV_MAX_KEY_CHARS:
        raise KvRejected(f"key must be {KV_MAX_KEY_CHARS} characters or less")
    if not _KEY.fullmatch(key):
        raise KvRejected("key must be alphanumeric (a-zA-Z0-9_)")
    if len(value) > KV_MAX_VALUE_CHARS and count_chars(value) > KV_MAX_VALUE_CHARS:
        raise KvRejected(f"value must be {KV_MAX_VALUE_CHARS} characters or less")


def _check_size(kv: Pairs, changed: Pairs, limits: KvLimits) -> None:
    """A store that is too large already, because the limit was lowered, may still shrink."""
    size = len(encode(changed))
    if size > limits.max_bytes and size >= len(encode(kv)):
        raise KvRejected(
            f"request would exceed the size limit ({limits.max_bytes} bytes of JSON), please "
            "delete some keys first"
        )
