"""`POST /webhooks/discord`: Discord says that somebody has withdrawn their consent.

Discord docs: Events, Webhook Events. The signature is checked before anything else is done with the
body: Discord sends wrong ones on purpose, and deletes the address of an application that accepts
one. Events come late, in any order, and more than once.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.api.accounts.answers import by_method
from services.api.accounts.service import AccountService
from services.api.http.request_body import read_body
from shared.discord import snowflake
from shared.http.errors import InvalidRequestBody, SignInOff, WrongSignature
from shared.http.responses import no_content

log = logging.getLogger(__name__)

WEBHOOK_PATH: Final = "/webhooks/discord"
MAX_EVENT_BYTES: Final = 64 * 1024
BODY_TIMEOUT_S: Final = 3.0  # after which Discord sends it again

_SIGNATURE: Final = re.compile(r"[0-9a-fA-F]{128}")
_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_STAMP: Final = re.compile(r"[0-9]{1,20}")


class WebhookEndpoint:
    """Answers 204 to what Discord has signed, whatever it is, and 401 to everything else."""

    def __init__(self, accounts: AccountService) -> None:
        self._accounts = accounts

    def routes(self) -> list[Route]:
        return [by_method(WEBHOOK_PATH, POST=self.receive)]

    async def receive(self, request: Request) -> Response:
        """One event, or a PING."""
        if not self._accounts.is_on:
            raise SignInOff
        body = await read_body(request, MAX_EVENT_BYTES, BODY_TIMEOUT_S)
        signature = request.headers.get("x-signature-ed25519", "")
        stamp = request.headers.get("x-signature-timestamp", "")
        if not _SIGNATURE.fullmatch(signature) or not _STAMP.fullmatch(stamp):
            raise WrongSignature  # Discord is not asked for the key because of it
        application = await self._accounts.discord.application()
        if not is_signed(application.public_key, signature, stamp.encode() + body):
            raise WrongSignature
        try:
            event = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidRequestBody("The body is signed, but is not JSON.") from None
        ended = ended_consent(event, application.id)
        if ended is not None:
            await self._accounts.keeper.deauthorized(*ended)
        return no_content()


def is_signed(public_key: str, signature: str, message: bytes) -> bool:
    """Whether the holder of the key has signed the message. Key and signature are hexadecimal."""
    if not _KEY.fullmatch(public_key):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def ended_consent(body: Any, application_id: int) -> tuple[int, int] | None:
    """The user who has withdrawn their consent, and when (ms); None: it is another event."""
    try:
        event = body["event"]
        ours = str(body["application_id"]) == str(application_id)
        if not ours or body["type"] != 1 or event["type"] != "APPLICATION_DEAUTHORIZED":
            return None
        user_id = snowflake.parse(event["data"]["user"]["id"])
        time = datetime.fromisoformat(event["timestamp"])
    except (KeyError, TypeError, ValueError):
        return None
    if user_id is None:
        return None
    utc = time if time.tzinfo else time.replace(tzinfo=UTC)
    return user_id, round(utc.timestamp() * 1000)
