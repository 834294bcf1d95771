"""The keys of SECRET_KEY: they encrypt what is stored, and sign what clients bring back.

Each key is a text, from which HKDF derives one key for encryption and one for signatures. The
first one encrypts and signs; each of them decrypts and verifies, so that a key can be replaced.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES: Final = 32
_MAC_CHARS: Final = 32  # 128 bits


class KeyRing:
    """Encrypts, decrypts, signs and verifies. The oldest keys are the last ones."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """`secrets`: at least one."""
        self._fernet = MultiFernet(
            [Fernet(urlsafe_b64encode(_derived(secret, b"encrypt"))) for secret in secrets]
        )
        self._signing = [_derived(secret, b"sign") for secret in secrets]

    @classmethod
    def of(cls, configured: Sequence[str], generated: str | None) -> Self:
        """`generated`: the key that was made while SECRET_KEY was empty; it still decrypts."""
        return cls([*configured, *([generated] if generated else [])])

    def encrypt(self, purpose: str, text: bytes) -> bytes:
        """Only `decrypt` with the same purpose reads it."""
        return self._fernet.encrypt(purpose.encode() + b"\0" + text)

    def decrypt(self, purpose: str, sealed: bytes, max_age_s: int | None = None) -> bytes | None:
        """None: another key or purpose, too old, or changed."""
        try:
            found, separator, text = self._fernet.decrypt(sealed, max_age_s).partition(b"\0")
        except (InvalidToken, ValueError):
            return None
        return text if separator and found == purpose.encode() else None

    def sign(self, purpose: str, text: str) -> str:
        """A message authentication code of the text, in hexadecimal digits."""
        return _mac(self._signing[0], purpose, text)

    def verify(self, purpose: str, text: str, signature: str) -> bool:
        """Whether one of the keys has signed the text for this purpose."""
        given = signature.encode("utf-8", "replace")
        # All of them are compared, so that the time does not tell which one it was.
        found = [
            hmac.compare_digest(_mac(key, purpose, text).encode(), given) for key in self._signing
        ]
        return any(found)


def encrypted_at(sealed: bytes) -> int:
    """When it was encrypted (seconds since 1970), as it says itself; 0 if it does not say so.

    Fernet specification: version, timestamp, … in base64.
    """
    try:
        return int.from_bytes(urlsafe_b64decode(sealed)[1:9])
    except ValueError:
        return 0


def _derived(secret: str, use: bytes) -> bytes:
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"grux " + use).derive(secret.encode())


def _mac(key: bytes, purpose: str, text: str) -> str:
    message = f"{purpose}\0{text}".encode()
    return hmac.new(key, message, "sha256").hexdigest()[:_MAC_CHARS]
