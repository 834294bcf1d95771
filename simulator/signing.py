"""Ed25519 signatures of what Discord posts. Source: interactions/receiving-and-responding."""

import random
from hashlib import sha256
from typing import Final, Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNATURE: Final = "X-Signature-Ed25519"
TIMESTAMP: Final = "X-Signature-Timestamp"

Forgery = Literal["another_key", "changed_bit", "changed_time", "changed_body", "no_header", "text"]
FORGERIES: Final[tuple[Forgery, ...]] = get_args(Forgery)


def _key(words: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(words.encode()).digest())


_KEY: Final = _key("the simulator's key, not a secret")
_ANOTHER_KEY: Final = _key("another key, not a secret either")
PUBLIC_KEY: Final = _KEY.public_key().public_bytes_raw().hex()
"""``verify_key`` of the application: 64 hex digits."""


def signed_headers(timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove who sent this body."""
    return _headers(_KEY, timestamp, body)


def forged_headers(
    timestamp: int, body: bytes, forgery: Forgery | None = None, rng: random.Random | None = None
) -> dict[str, str]:
    """Headers that prove nothing, in one of several ways."""
    rng = rng or random.Random()
    headers = _headers(_KEY, timestamp, body)
    match forgery or rng.choice(FORGERIES):
        case "another_key":
            return _headers(_ANOTHER_KEY, timestamp, body)
        case "changed_bit":
            flipped = int(headers[SIGNATURE], 16) ^ 1 << rng.randrange(512)
            return {**headers, SIGNATURE: f"{flipped:0128x}"}
        case "changed_time":
            return {**headers, TIMESTAMP: str(timestamp + 1)}
        case "changed_body":
            return _headers(_KEY, timestamp, body + b" ")
        case "no_header":
            return {TIMESTAMP: str(timestamp)}
        case _:
            return {**headers, SIGNATURE: "not a signature"}


def _headers(key: Ed25519PrivateKey, timestamp: int, body: bytes) -> dict[str, str]:
    signature = key.sign(str(timestamp).encode() + body)
    return {SIGNATURE: signature.hex(), TIMESTAMP: str(timestamp)}
