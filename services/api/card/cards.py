"""Finished cards: looked up, or drawn once for all who ask in the same moment.

A card is always a picture. What is wrong is said in it, as proxies show nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec
from cachetools import LRUCache
from msgspec import Struct

from services.api.card.draughtsmen import Draughtsmen, NotDrawn, TooBusy
from services.api.card.jobs import DrawCard, Drawn, DrawNotice, Job
from services.api.card.look import Look
from services.api.card.pictures import Pictures
from services.api.card.subject import Subject, choose
from shared.discord import snowflake
from shared.http.errors import InvalidUserId, UserNotMonitored
from shared.model.snapshot import Presence, Profile
from shared.net.single_flight import SingleFlight
from shared.profiles.user_reader import UserReader, UserView
from shared.redis.store import StoreUnavailable

log = logging.getLogger(__name__)

KEPT: Final = 400  # cards in memory
KEPT_BYTES: Final = 48 * 1024 * 1024
WHILE_RUNNING: Final = 8.0  # seconds that a card is kept whose clock goes on
WHILE_STILL: Final = 60.0
WHILE_INCOMPLETE: Final = 2.0  # while a picture is still on its way
LOOKS_A_MINUTE: Final = 40  # that are drawn of one person: whoever varies them harms only them
WINDOW: Final = 60.0  # seconds

_profile = msgspec.json.Decoder(Profile).decode
_presence = msgspec.json.Decoder(Presence).decode
_PLAIN: Final = Look()

Key = tuple[object, ...]


class Card(Struct, frozen=True):
    """A picture to be sent."""

    body: bytes
    max_age: int  # seconds that proxies may show it
    problem: str | None  # code of what went wrong, if something did
    good_until: float = 0.0  # time.monotonic()


Draw = Callable[[], Coroutine[Any, Any, Card]]


def _cache_cost(card: Card) -> int:
    """Bytes; a small card counts as its share of an even division, which bounds their number."""
    return max(len(card.body), KEPT_BYTES // KEPT)


class Cards:
    """Starts nothing before the first card is asked for."""

    def __init__(
        self,
        people: UserReader,
        pictures: Pictures,
        draughtsmen: Draughtsmen,
        invite: str | None,
        silent_for: Callable[[], int | None],
    ) -> None:
        """`silent_for`: seconds that nothing was heard from Discord, once they are too many."""
        self._people = people
        self._pictures = pictures
        self._draughtsmen = draughtsmen
        self._invite = invite
        self._silent_for = silent_for
        self._kept: LRUCache[Key, Card] = LRUCache(KEPT_BYTES, getsizeof=_cache_cost)
        self._flights: SingleFlight[Key, Card] = SingleFlight()
        self._drawn: dict[object, int] = {}
        self._window_ends = 0.0

    async def card(self, asked_for: str, look: Look, png: bool) -> Card:
        """`asked_for`: what stands in the path where an id should. Raises nothing."""
        try:
            user_id = snowflake.parse(asked_for)
            if user_id is None:
                raise InvalidUserId
            return await self._of_person(user_id, look, png)
        except Exception as error:
            problem = _PROBLEMS.get(type(error))
            if problem is None:
                log.exception("api: a bug while drawing a card")
                problem = _PROBLEMS[Exception]
            return await self._notice(problem, look, png)

    async def close(self) -> None:
        await self._flights.close()

    async def _of_person(self, user_id: int, look: Look, png: bool) -> Card:
        person = await self._people.view(user_id)
        silent = self._silent_for()
        minutes = None if silent is None else silent // 60
        key: Key = (user_id, person.version, person.profile, minutes, look, png)
        return await self._once(key, user_id, lambda: self._draw(person, look, png, silent))

    async def _once(self, key: Key, who: object, draw: Draw) -> Card:
        """The card that is kept; else one drawing for all who want it."""
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() < kept.good_until:
            return kept
        if self._flights.get(key) is None and self._too_often(who):
            if kept is not None:
                return kept
            raise TooBusy
        try:
            return await asyncio.shield(self._flights.join(key, lambda: self._flight(key, draw)))
        except (TooBusy, NotDrawn):
            if kept is not None:  # a little old is better than none
                return kept
            raise

    async def _flight(self, key: Key, draw: Draw) -> Card:
        card = self._kept[key] = await draw()
        return card

    async def _draw(self, person: UserView, look: Look, png: bool, silent: int | None) -> Card:
        subject, wants = choose(_profile(person.profile), _presence(person.presence), look)
        if png:
            wants = [msgspec.structs.replace(want, moves=False) for want in wants]
        gathered = await self._pictures.gather(wants)
        now = time.time_ns() // 1_000_000
        job = DrawCard(subject, look, gathered.pictures, now, silent, png)
        keep = _kept_for(subject, gathered.complete)
        body = await self._drawing(job)
        age = 30 if gathered.complete else 5
        return Card(body, age, None, time.monotonic() + keep)

    async def _notice(self, problem: _Problem, look: Look, png: bool) -> Card:
        """Falls back to the plain look, and then to a picture that needs no drawing."""
        text = problem.text
        if problem.code == "user_not_monitored" and self._invite:
            text = f"{problem.text} Join: {self._invite}"
        for tried, who in ((look, problem.code), (_PLAIN, f"{problem.code} plain")):
            job = DrawNotice(problem.title, text, tried, png)

            async def draw(job: DrawNotice = job) -> Card:
                body = await self._drawing(job)
                return Card(body, problem.max_age, problem.code, time.monotonic() + 3600)

            try:
                return await self._once((problem.code, tried, png), who, draw)
            except (TooBusy, NotDrawn):
                continue
        return Card(_LAST_PNG if png else _LAST_SVG, 5, problem.code)

    async def _drawing(self, job: Job) -> bytes:
        result = await self._draughtsmen.do(job)
        if not isinstance(result, Drawn):
            raise NotDrawn
        return result.body

    def _too_often(self, who: object) -> bool:
        now = time.monotonic()
        if now >= self._window_ends:
            self._drawn.clear()
            self._window_ends = now + WINDOW
        drawn = self._drawn.get(who, 0)
        self._drawn[who] = drawn + 1
        return drawn >= LOOKS_A_MINUTE


def _kept_for(subject: Subject, complete: bool) -> float:
    if not complete:
        return WHILE_INCOMPLETE
    return WHILE_RUNNING if subject.moves else WHILE_STILL


class _Problem(Struct, frozen=True):
    code: str
    title: str
    text: str
    max_age: int  # seconds


_BUSY: Final = _Problem(
    "busy", "Busy", "More cards are asked for than can be drawn. This one comes back by itself.", 5
)

_PROBLEMS: Final[dict[type[Exception], _Problem]] = {
    InvalidUserId: _Problem(
        "invalid_user_id",
        "No Discord id",
        "The address of this picture names no Discord user: an id has 15 to 20 digits, like "
        "1274150219482660897.",
        300,
    ),
    UserNotMonitored: _Problem(
        "user_not_monitored",
        "Not monitored",
        "This person is in no server that Grux watches.",
        30,
    ),
    StoreUnavailable: _Problem(
        "unavailable",
        "Be right back",
        "Presence cannot be read at the moment. This card comes back by itself.",
        5,
    ),
    TooBusy: _BUSY,
    NotDrawn: _BUSY,
    Exception: _Problem(
        "internal_server_error",
        "Something is wrong here",
        "This server has a bug, and has logged it.",
        5,
    ),
}

_LAST_SVG: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="450" height="88" viewBox="0 0 450 88"'
    b' role="img" aria-label="Busy"><title>Busy</title>'
    b'<rect width="450" height="88" rx="16" fill="#17181c"/>'
    b'<circle cx="201" cy="44" r="6" fill="#8b919d"/><circle cx="225" cy="44" r="6"'
    b' fill="#8b919d"/><circle cx="249" cy="44" r="6" fill="#8b919d"/></svg>'
)
_LAST_PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000e10000002c0103000000a90b4d5300000006504c544517"
    "181c8b919dfa6f1f4b000000294944415478da63601805a38062c0c1d0c0815bd68ef9811db9b2f5ec1f"
    "ea6963327e378f82518004009d5208921d18c3fb0000000049454e44ae426082"
)
"""What is shown when nothing can be drawn: three dots."""
