"""Answers interactions over REST, without hikari: its client retries, which takes longer than the
three seconds that Discord waits, and knows no labels in modals.

Discord docs: Receiving and Responding, Interaction Callback; Webhook, Edit Webhook Message.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.gateway.commands.interaction import UserInteraction
from services.gateway.commands.replies import Json, Modal, Reply
from shared.discord.user_agent import USER_AGENT
from shared.net.http_client import HttpClient, HttpError

MESSAGE: Final = 4
DEFERRED_MESSAGE: Final = 5
DEFERRED_UPDATE: Final = 6
UPDATE: Final = 7
MODAL: Final = 9
EPHEMERAL: Final = 64

NOT_FOUND: Final = 404
TOO_MANY: Final = 429
FILE_NAME: Final = "grux.json"

UNKNOWN_INTERACTION: Final = 10062
ALREADY_ANSWERED: Final = 40060
UNKNOWN_MESSAGE: Final = 10008


class AnswerRefused(Exception):
    """Raised when Discord does not take an answer: it is late, or another process has answered.
    The text holds no token."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(f"status {status}, code {code}")
        self.status = status
        self.code = code

    @property
    def is_expected(self) -> bool:
        """Whether that is usual: Discord takes one answer of one process, within 3 s, and a person
        may dismiss a message that is still to be edited."""
        return self.code in (UNKNOWN_INTERACTION, ALREADY_ANSWERED, UNKNOWN_MESSAGE)


class AnswerLost(Exception):
    """Raised when Discord did not say whether it took an answer."""


class CallbackTimings(Struct, frozen=True, kw_only=True):
    """Timings of answers."""

    edit_timeout_s: float = 10.0  # of each attempt
    edit_attempts: int = 3
    edit_pause_s: float = 1.0  # between them
    max_retry_after_s: float = 30.0  # that a rate limit may ask for


class Callbacks:
    """Discord's side of the conversation."""

    def __init__(self, http: HttpClient, api_url: str, timings: CallbackTimings) -> None:
        self._http = http
        self._api_url = api_url
        self._timings = timings

    async def send(self, asked: UserInteraction, answer: Reply | Modal, timeout_s: float) -> None:
        """The first answer, whole. Raises AnswerRefused and AnswerLost."""
        if isinstance(answer, Modal):
            await self._answer(asked, {"type": MODAL, "data": answer.data()}, timeout_s)
            return
        kind = UPDATE if asked.message else MESSAGE
        data = answer.data() | ({} if asked.message else {"flags": EPHEMERAL})
        await self._answer(asked, {"type": kind, "data": data}, timeout_s)

    async def defer(self, asked: UserInteraction, timeout_s: float) -> None:
        """The first answer: that one will follow by `edit`. Raises AnswerRefused and AnswerLost."""
        body: Json = {"type": DEFERRED_UPDATE}
        if not asked.message:
            body = {"type": DEFERRED_MESSAGE, "data": {"flags": EPHEMERAL}}
        await self._answer(asked, body, timeout_s)

    async def edit(self, asked: UserInteraction, reply: Reply) -> None:
        """The answer after `defer`. Tried several times: what was done cannot be asked for again.

        Raises AnswerRefused and AnswerLost.
        """
        url = f"{self._api_url}/webhooks/{asked.application_id}/{asked.token}/messages/@original"
        headers, body = encode(reply)
        attempts = self._timings.edit_attempts
        for attempt in range(1, attempts + 1):
            pause_s = self._timings.edit_pause_s * attempt
            try:
                await self._request("PATCH", url, headers, body, self._timings.edit_timeout_s)
                return
            except RateLimited as limited:
                pause_s = limited.retry_after_s
                if attempt == attempts or pause_s > self._timings.max_retry_after_s:
                    raise
            except AnswerRefused as refused:
                may_come = refused.status == NOT_FOUND  # the first answer is on its way
                if attempt == attempts or not (may_come or refused.status >= 500):
                    raise
            except AnswerLost:
                if attempt == attempts:
                    raise
            await asyncio.sleep(pause_s)

    async def _answer(self, asked: UserInteraction, body: Json, timeout_s: float) -> None:
        url = f"{self._api_url}/interactions/{asked.id}/{asked.token}/callback"
        headers = {"Content-Type": "application/json"}
        await self._request("POST", url, headers, msgspec.json.encode(body), timeout_s)

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> None:
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._http.send(method, url, {**headers, "User-Agent": USER_AGENT}, body) as found,
            ):
                if found.status < 300:
                    return
                problem = _object(await found.json())
        except (HttpError, TimeoutError) as error:
            raise AnswerLost(type(error).__name__) from None
        code = problem.get("code")
        if found.status == TOO_MANY:
            after = problem.get("retry_after")
            raise RateLimited(float(after) if isinstance(after, int | float) else 1.0)
        raise AnswerRefused(found.status, code if isinstance(code, int) else 0)


class RateLimited(AnswerRefused):
    """Raised when Discord asks to wait."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(TOO_MANY, 0)
        self.retry_after_s = retry_after_s


def encode(reply: Reply) -> tuple[dict[str, str], bytes]:
    """Headers and body: JSON, or multipart with the file.

    Discord docs: Reference, Uploading Files.
    """
    if reply.file is None:
        body = {**reply.data(), "attachments": []}
        return {"Content-Type": "application/json"}, msgspec.json.encode(body)
    payload = {**reply.data(), "attachments": [{"id": 0, "filename": FILE_NAME}]}
    boundary = secrets.token_hex(16)
    start = b"--%b\r\nContent-Disposition: form-data; " % boundary.encode()
    parts = (
        ('name="payload_json"', msgspec.json.encode(payload)),
        (f'name="files[0]"; filename="{FILE_NAME}"', reply.file),
    )
    body_parts = [
        b"%b%b\r\nContent-Type: application/json\r\n\r\n%b\r\n"
        % (start, disposition.encode(), content)
        for disposition, content in parts
    ]
    content_type = f"multipart/form-data; boundary={boundary}"
    return {"Content-Type": content_type}, b"".join(body_parts) + b"--%b--\r\n" % boundary.encode()


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
