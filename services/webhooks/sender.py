"""Makes one attempt, and says how it went.

An endpoint may be slow, broken or hostile. Redirects are not followed, and the body of the response
is not read. Connections are made to public addresses only, unless the operator has said that the
endpoint is in a private network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Self
from urllib.parse import urlsplit

from msgspec import Struct

from services.webhooks.limits import WebhookLimits
from services.webhooks.message import WebhookMessage, body, headers
from shared.net.http_client import HttpClient, HttpError
from shared.net.public_address import (
    PrivateAddress,
    SocketFactory,
    private_socket,
    public_socket,
    trusted_socket,
)
from shared.version import VERSION
from shared.webhook_endpoints import Endpoint

USER_AGENT: Final = f"Grux/{VERSION} (https://github.com/matheusaudibert/grux)"
GONE: Final = 410


class Attempt(Struct, frozen=True):
    """How it went."""

    result: str  # for the metric: `2xx` to `5xx`, `timeout`, `private` or `unreachable`
    detail: str = ""  # for the log
    retry_after_s: float = 0.0  # what the endpoint asks for
    gone: bool = False  # the endpoint wants no more messages

    @property
    def delivered(self) -> bool:
        return self.result == "2xx"


class Sender:
    """Connections to one endpoint, shared with no other. `async with` is its lifetime."""

    def __init__(self, endpoint: Endpoint, limits: WebhookLimits) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._client = HttpClient(
            timeout_s=limits.timeout_s,
            max_body_bytes=0,  # none is read
            max_connections=limits.requests_at_once,
            headers={"User-Agent": USER_AGENT},
            socket_factory=_socket_factory(endpoint),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def send(self, message: WebhookMessage) -> Attempt:
        """Signed as of now."""
        now = datetime.now(UTC)
        content = body(message)
        signed = headers(message, content, self._endpoint.secrets, now)
        try:
            async with self._client.send("POST", self._endpoint.url, signed, content) as response:
                status, answered = response.status, response.headers
        except HttpError as error:
            return _failure(error)
        return Attempt(
            f"{status // 100}xx",
            f"status {status}",
            min(_retry_after(answered, now), self._limits.max_retry_after_s),
            status == GONE,
        )


def _failure(error: HttpError) -> Attempt:
    if any(isinstance(cause, PrivateAddress) for cause in _causes(error)):
        return Attempt(
            "private",
            "its name leads to an address that Grux does not connect to. For an endpoint in a "
            'private network set "private": true; http:// is for such endpoints only',
        )
    if any(isinstance(cause, TimeoutError) for cause in _causes(error)):
        return Attempt("timeout", "no response in time")
    return Attempt("unreachable", f"no connection, or no response ({error})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what has led to it."""
    yield error
    for cause in (error.__cause__, getattr(error, "os_error", None)):
        if cause is not None:
            yield from _causes(cause)
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)


def _retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds, from a number or a date (RFC 9110, 10.2.3); 0: it asks for nothing."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError, IndexError):
        return 0.0


def _socket_factory(endpoint: Endpoint) -> SocketFactory:
    if not endpoint.private:
        return public_socket
    is_encrypted = urlsplit(endpoint.url).scheme == "https"
    return trusted_socket if is_encrypted else private_socket
