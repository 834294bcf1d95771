"""Webhook events: what Discord posts to the application. Source: events/webhook-events.

Each event is delivered until it is answered with 204, in no particular order. Now and then one with
a bad signature goes ahead of it; an application that accepts that loses its URL.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import aiohttp
import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from simulator import BOT_ID
from simulator.model import Json, User
from simulator.options import Options
from simulator.problems import RestError
from simulator.signing import Forgery, forged_headers, signed_headers
from simulator.stats import Stats
from simulator.world import World

AUTHORIZED: Final = "APPLICATION_AUTHORIZED"
DEAUTHORIZED: Final = "APPLICATION_DEAUTHORIZED"
_MOST_GIVEN_UP: Final = 5  # events in a row; then there are no more
_LONGEST_PAUSE_S: Final = 60.0
_DELIVERED: Final = 204
_REFUSED: Final = 401

DISABLED: Final = 1
ENABLED: Final = 2
DISABLED_BY_DISCORD: Final = 3


class Changes(Struct):
    """What ``PATCH /applications/@me`` changes here; other fields are ignored."""

    event_webhooks_url: Annotated[str, Meta(max_length=2048)] | UnsetType | None = UNSET
    event_webhooks_status: Literal[1, 2] | UnsetType | None = UNSET
    event_webhooks_types: list[str] | UnsetType | None = UNSET


class WebhookEvents:
    """The application's URL for events, and the deliveries to it."""

    def __init__(
        self, world: World, options: Options, stats: Stats, clock: Callable[[], float]
    ) -> None:
        self._world = world
        self._options = options
        self._stats = stats
        self._clock = clock
        self._rng = random.Random(options.seed)
        self._http: aiohttp.ClientSession | None = None
        self._deliveries: set[asyncio.Task[None]] = set()
        self._given_up = 0  # events in a row
        self.status = DISABLED
        self.types: list[str] = []
        if options.event_webhooks_url:
            self.subscribe(options.event_webhooks_url)

    # --- the settings of the application --------------------------------------------------

    def subscribe(self, url: str) -> None:
        """Post everything there, without trying the URL first."""
        self._options.event_webhooks_url = url
        self.status = ENABLED
        self.types = [AUTHORIZED, DEAUTHORIZED]

    def as_json(self) -> Json:
        """The fields of the application object."""
        return {
            "event_webhooks_url": self._options.event_webhooks_url or None,
            "event_webhooks_status": self.status,
            "event_webhooks_types": self.types,
        }

    async def change(self, raw: bytes) -> None:
        """Set the URL, the switch and the events.

        The URL is tried first: a PING, and one with a bad signature. Raises `RestError`.
        """
        try:
            changes = msgspec.json.decode(raw, type=Changes)
        except msgspec.DecodeError as wrong:
            raise _invalid(str(wrong)) from None
        url = changes.event_webhooks_url
        if isinstance(url, str) and url:
            if not url.startswith(("http://", "https://")):
                raise _invalid("Not a well formed URL.")
            await self._try(url)
            self._options.event_webhooks_url = url
        elif url is not UNSET:
            self._options.event_webhooks_url = ""
            self.status = DISABLED
        if isinstance(changes.event_webhooks_status, int):
            self.status = changes.event_webhooks_status
        if changes.event_webhooks_types is not UNSET:
            self.types = changes.event_webhooks_types or []

    async def _try(self, url: str) -> None:
        ping = _body({"type": 0})
        if await self._post(url, ping, forged_headers(self._now(), ping, rng=self._rng)) != (
            _REFUSED
        ):
            raise _invalid("The URL accepts a bad signature.")
        if await self._post(url, ping, signed_headers(self._now(), ping)) != _DELIVERED:
            raise _invalid("The URL does not answer a PING with 204.")

    # --- what happens ---------------------------------------------------------------------

    def authorized(self, user_id: str, scopes: tuple[str, ...]) -> None:
        """A person granted something."""
        user = event_user(self._world.person(user_id).user)
        self.send(AUTHORIZED, {"user": user, "scopes": list(scopes)})

    def deauthorized(self, user_id: str) -> None:
        """A grant ended."""
        self.send(DEAUTHORIZED, {"user": event_user(self._world.person(user_id).user)})

    def send(self, name: str, data: Json, forgery: Forgery | None = None) -> bool:
        """Deliver an event, if the application wants events of its kind; returns whether it does.

        A forged one is posted once: only this tests whether signatures are verified.
        """
        if self._http is None or self.status != ENABLED or name not in self.types:
            return False
        body = _body({"type": 1, "event": {"type": name, "timestamp": _moment(), "data": data}})
        delivery = self._deliver(body) if forgery is None else self._probe(body, forgery)
        task = asyncio.create_task(delivery)
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)
        return True

    async def _deliver(self, body: bytes) -> None:
        if self._rng.random() < self._options.webhook_forgeries:
            await self._probe(body, None)
        waited, pause = 0.0, self._options.webhook_retry_seconds
        while self.status == ENABLED:
            url = self._options.event_webhooks_url
            if await self._post(url, body, signed_headers(self._now(), body)) == _DELIVERED:
                self._given_up = 0
                return
            if waited >= self._options.webhook_give_up_seconds:
                self._give_up()
                return
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, _LONGEST_PAUSE_S)

    def _give_up(self) -> None:
        self._given_up += 1
        if self._given_up >= _MOST_GIVEN_UP:
            self.status = DISABLED_BY_DISCORD

    async def _probe(self, body: bytes, forgery: Forgery | None) -> None:
        """An event with a bad signature. Whatever accepts it gets no more events."""
        headers = forged_headers(self._now(), body, forgery, self._rng)
        status = await self._post(self._options.event_webhooks_url, body, headers)
        if status is not None and status < web.HTTPBadRequest.status_code:
            self._options.event_webhooks_url = ""
            self.status = DISABLED_BY_DISCORD

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int | None:
        """The status of the answer, None if there was none in time."""
        if self._http is None or not url:
            return None
        timeout = aiohttp.ClientTimeout(total=self._options.webhook_timeout_seconds)
        headers = {"Content-Type": "application/json", "User-Agent": "Discord-Webhook", **headers}
        try:
            async with self._http.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                self._stats.webhooks_by_answer[str(response.status)] += 1
                return response.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            self._stats.webhooks_by_answer["none"] += 1
            return None

    def _now(self) -> int:
        return int(self._clock())

    # --- its life -------------------------------------------------------------------------

    def start(self) -> None:
        """Events can be delivered from now on."""
        self._http = aiohttp.ClientSession()

    async def close(self) -> None:
        """Give up what is not delivered."""
        for task in self._deliveries:
            task.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
            self._http = None


def event_user(user: User) -> Json:
    """The user object of webhook events."""
    return {
        "id": user.id,
        "username": user.username,
        "discriminator": user.discriminator,
        "global_name": user.global_name,
        "avatar": user.avatar,
        "public_flags": user.public_flags,
        "primary_guild": user.primary_guild or {"identity_enabled": False},
    }


def _body(fields: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"version": 1, "application_id": BOT_ID, **fields})


def _moment() -> str:
    """Without a zone, as Discord sends it."""
    return datetime.now(UTC).replace(tzinfo=None).isoformat()


def _invalid(message: str) -> RestError:
    errors = {
        "event_webhooks_url": {"_errors": [{"code": "URL_VALIDATION_FAILED", "message": message}]}
    }
    return RestError(400, 50035, "Invalid Form Body", errors=errors)
