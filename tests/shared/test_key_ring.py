"""Keys are replaced without losing what the old ones have encrypted and signed."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from shared.key_ring import KeyRing, encrypted_at

OLD, NEW = "o" * 32, "n" * 32


def test_a_new_key_reads_what_the_old_one_wrote() -> None:
    """As long as both are named; then only what the new one wrote."""
    old, both, new = KeyRing([OLD]), KeyRing([NEW, OLD]), KeyRing([NEW])
    sealed, signature = old.encrypt("tokens", b"text"), old.sign("session", "text")
    assert both.decrypt("tokens", sealed) == b"text"
    assert both.verify("session", "text", signature)
    assert new.decrypt("tokens", sealed) is None
    assert not new.verify("session", "text", signature)
    assert new.decrypt("tokens", both.encrypt("tokens", b"text")) == b"text"
    assert new.verify("session", "text", both.sign("session", "text"))


def test_a_key_that_was_made_goes_on_to_decrypt() -> None:
    """When the operator sets SECRET_KEY later."""
    made = KeyRing.of((), OLD)
    later = KeyRing.of((NEW,), OLD)
    assert later.decrypt("tokens", made.encrypt("tokens", b"text")) == b"text"
    assert made.decrypt("tokens", later.encrypt("tokens", b"text")) is None


def test_one_purpose_cannot_stand_for_another() -> None:
    """A value that is encrypted or signed for one place is of no use in another."""
    ring = KeyRing([OLD])
    assert ring.decrypt("cookie", ring.encrypt("tokens", b"text")) is None
    assert not ring.verify("csrf", "text", ring.sign("session", "text"))


@pytest.mark.parametrize("position", [0, 20, 60])
def test_what_was_changed_is_not_read(position: int) -> None:
    """Not one character of it."""
    ring = KeyRing([OLD])
    sealed = bytearray(ring.encrypt("tokens", b"text"))
    sealed[position] ^= 1
    assert ring.decrypt("tokens", bytes(sealed)) is None
    assert ring.decrypt("tokens", bytes(sealed)[:position]) is None


@pytest.mark.parametrize("signature", ["", "0" * 32, "\ud800", "é" * 32, "0" * 100_000])
def test_made_up_signatures(signature: str) -> None:
    """Whatever they are made of."""
    assert not KeyRing([OLD]).verify("session", "text", signature)


def test_what_is_too_old_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the reader says how old it may be."""
    ring = KeyRing([OLD])
    sealed = ring.encrypt("sign-in", b"text")
    monkeypatch.setattr("cryptography.fernet.time.time", lambda: 4_000_000_000)
    assert ring.decrypt("sign-in", sealed, 600) is None
    assert ring.decrypt("sign-in", sealed) == b"text"


def test_the_time_of_encryption_needs_no_key() -> None:
    """So that what nobody can read any more is not kept for ever."""
    sealed = Fernet(Fernet.generate_key()).encrypt_at_time(b"text", 1_795_867_200)
    assert encrypted_at(sealed) == 1_795_867_200
    for damaged in (b"", b"x", b"!", sealed[:5], b"\xff"):
        assert encrypted_at(damaged) < 1_795_867_200
