"""Limits, their order and their messages: those of Lanyard's API."""

from __future__ import annotations

import pytest

from shared.model import key_value
from shared.model.key_value import InvalidKvValue, KvLimits, KvRejected

FULL = {f"key{number}": "" for number in range(512)}
TOO_MANY = "request would exceed key limit (512), please delete keys first"
TOO_MANY_AT_ONCE = "request would exceed the key limit (512), please delete some keys first"
LIMITS = KvLimits()
ROOMY = KvLimits(max_bytes=10_000_000)


def rejected(kv: dict[str, str], key: str, value: str) -> str:
    with pytest.raises(KvRejected) as found:
        key_value.put(kv, key, value, LIMITS)
    return str(found.value)


def test_the_512th_key_is_the_last() -> None:
    """Overwriting is free; what there is beyond the limit may stay."""
    assert len(key_value.put(dict(list(FULL.items())[1:]), "x", "", LIMITS)) == 512
    assert rejected(FULL, "x", "") == TOO_MANY
    assert key_value.put(FULL, "key0", "new", LIMITS)["key0"] == "new"
    with pytest.raises(KvRejected, match=r"please delete some keys first") as found:
        key_value.patch(FULL, {"key0": "", "x": ""}, LIMITS)
    assert str(found.value) == TOO_MANY_AT_ONCE
    imported = {**FULL, "one_more": ""}
    assert key_value.patch(imported, {"key0": "new"}, LIMITS)["key0"] == "new"


@pytest.mark.parametrize("key", ["", "a-b", "é", "a\n", "a.b", "a b", "\x00", "%2F", "ａ"])
def test_keys_are_letters_digits_and_underscores(key: str) -> None:
    """Of ASCII, and at least one: nothing could delete an empty key."""
    assert rejected({}, key, "") == "key must be alphanumeric (a-zA-Z0-9_)"


def test_the_length_of_keys() -> None:
    assert key_value.put({}, "k" * 255, "", LIMITS)
    assert rejected({}, "k" * 256, "") == "key must be 255 characters or less"


@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_values_are_counted_in_characters(character: str) -> None:
    """Not in bytes."""
    assert key_value.put({}, "k", character * 30_000, ROOMY)
    assert rejected({}, "k", character * 30_001) == "value must be 30000 characters or less"


@pytest.mark.parametrize(
    "character", ["e\u0301", "👍🏽", "❤\ufe0f", "👩\u200d💻", "🇫🇷", "👨\u200d👩\u200d👧"]
)
def test_a_composed_character_counts_once(character: str) -> None:
    assert key_value.count_chars(character * 10) == 10


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("e" + "\u0301" * 100_000, 1),
        ("abc" + "\u200d" * 100_000, 3),
        ("a\u200d\u200db", 1),
        ("a\u200cb", 2),
        ("🇫🇷🇫", 2),
        ("🇫x🇷", 3),
        ("🏴\U000e0067\U000e007f", 1),
        ("日本語" * 20_000, 60_000),
    ],
)
def test_counting(text: str, count: int) -> None:
    """Also what a client makes up."""
    assert key_value.count_chars(text) == count


def test_the_order_of_the_checks() -> None:
    """A put counts keys first, a patch last."""
    assert rejected(FULL, "k" * 256, "") == TOO_MANY
    assert rejected({}, "-" * 256, "x" * 30_001) == "key must be 255 characters or less"
    with pytest.raises(KvRejected, match="alphanumeric"):
        key_value.patch(FULL, {"new": "", "-": ""}, LIMITS)


def test_the_total() -> None:
    """Counted as JSON. A store that is too large may shrink."""
    limits = KvLimits(max_bytes=100)
    kv = key_value.put({}, "a", "x" * 90, limits)
    with pytest.raises(KvRejected, match="size limit"):
        key_value.put(kv, "b", "x", limits)
    with pytest.raises(KvRejected, match="size limit"):
        key_value.put({}, "a", "\x00" * 20, limits)  # six bytes each, in JSON
    smaller = KvLimits(max_bytes=10)
    assert key_value.put(kv, "a", "x" * 50, smaller) == {"a": "x" * 50}
    assert key_value.without(kv, "a") == {}


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b'"x"', b"1", b"null", b"{", b'{"a":1}', b'{"a":null}', b'{"a":["b"]}'),
        *(b'{"a":{"b":"c"}}', b'{"a":true}', b"{1:2}", b'{"a":"b"}x', b'{"a":"\xff"}'),
        *(rb'{"a":"\ud800"}', b'{"a":' + b"[" * 100_000, b"\xef\xbb\xbf{}"),
    ],
)
def test_a_patch_is_an_object_of_strings(body: bytes) -> None:
    with pytest.raises(InvalidKvValue):
        key_value.parse_pairs(body)


def test_values_are_text() -> None:
    assert key_value.parse_value("é\x00".encode()) == "é\x00"
    with pytest.raises(InvalidKvValue):
        key_value.parse_value(b"\xff")


def test_a_profile_shows_the_store() -> None:
    """In the place that the gateway left; nothing that a user writes is taken for it."""
    profile = rb'{"bio":",\"kv\":{}","kv":{},"links":[]}'
    shown = rb'{"bio":",\"kv\":{}","kv":{"a":"b"},"links":[]}'
    assert key_value.with_kv(profile, b'{"a":"b"}') == shown
    assert key_value.with_kv(profile, b"{}") == profile
    assert key_value.with_kv(b'{"id":"1"}', b'{"a":"b"}') == b'{"id":"1","kv":{"a":"b"}}'


def test_equal_stores_have_equal_bytes() -> None:
    assert key_value.encode({"b": "1", "a": "2"}) == b'{"a":"2","b":"1"}'
    assert key_value.decode(key_value.encode(FULL)) == FULL
