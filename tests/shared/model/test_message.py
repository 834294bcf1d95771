"""Which messages of a user's channel are taken: those that a gateway can have published."""

from __future__ import annotations

from itertools import product

import pytest

from shared.model.message import decode_message

# Of each field: left out, as a gateway writes it, and as only other software does.
PRESENCES = ("", '"presence":{"status":"online"}', '"presence":{}', '"presence":["online"]')
PROFILES = ("", '"profile":{"id":"1"}', '"profile":null')
STORES = ("", '"kv":{"a":"b"}', '"kv":{"a":1}')
HIDDEN = ("", '"hidden":["status"]', '"hidden":[1]')
FLAGS = ("", '"removed":true', '"discord":true', '"removed":false')
VERSIONS = ("1700000000000000", "0", "9007199254740992", '"1"')
WRONG = (*PRESENCES[2:], PROFILES[2], STORES[2], HIDDEN[2], *VERSIONS[1:])


def test_every_combination_of_fields() -> None:
    """One wrong field makes a message unreadable, and so does the lack of any change."""
    taken = 0
    for version, *fields in product(VERSIONS, PRESENCES, PROFILES, STORES, HIDDEN, FLAGS):
        shown = [field for field in fields if field]
        message = "{" + ",".join([f'"version":{version}', '"received":7', *shown]) + "}"
        says_something = any(field != '"removed":false' for field in shown)
        is_right = version not in WRONG and not any(field in WRONG for field in shown)
        update = decode_message(message.encode())
        assert (update is not None) == (is_right and says_something), message
        taken += update is not None
    assert taken == 2 * 2 * 2 * 2 * 4 - 2  # of which two say nothing


@pytest.mark.parametrize("field", ["presence", "profile"])
@pytest.mark.parametrize(
    ("text", "is_taken"),
    [(b"caf\xc3\xa9", True), (b"caf\xe9", False), (b"\xed\xa0\x80", False), (b"\xff", False)],
)
def test_text_is_utf_8(field: str, text: bytes, is_taken: bool) -> None:
    """A frame of anything else would end the connection of every client."""
    message = b'{"version":1,"%b":{"name":"%b"}}' % (field.encode(), text)
    assert (decode_message(message) is not None) == is_taken


@pytest.mark.parametrize("message", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_message(message: bytes) -> None:
    """It is skipped, and raises nothing."""
    assert decode_message(message) is None
