"""The pictures of a card: from Redis, or fetched, scaled down and kept there.

Nobody waits long for them. A picture that comes too late for one card is there for the next.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from services.api.card.addresses import Address, Addresses
from services.api.card.draughtsmen import Draughtsmen, NotDrawn, TooBusy
from services.api.card.fetching import Fetcher, NotFetched
from services.api.card.jobs import Picture, Scale, Scaled
from services.api.card.subject import Want
from shared.net.single_flight import SingleFlight
from shared.redis import keys
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

PATIENCE: Final = 2.5  # seconds that a card waits for its pictures
KEEP_FAILURE: Final = 60  # seconds
FLIGHTS: Final = 64  # pictures being fetched; more are left out of their cards for now

_VERSION: Final = b"1"  # of what is kept: another one where scaling changes
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Picture).decode


class Gathered(Struct, frozen=True):
    pictures: dict[str, Picture]  # by role
    complete: bool  # none may come later


class _Wanted(Struct, frozen=True):
    want: Want
    address: Address
    key: str


class Pictures:
    def __init__(
        self, store: Store, addresses: Addresses, fetcher: Fetcher, draughtsmen: Draughtsmen
    ) -> None:
        self._store = store
        self._addresses = addresses
        self._fetcher = fetcher
        self._draughtsmen = draughtsmen
        self._flights: SingleFlight[str, Picture | bool | None] = SingleFlight()

    async def close(self) -> None:
        await self._flights.close()

    async def gather(self, wants: Sequence[Want]) -> Gathered:
        """Those that can be had within PATIENCE. Raises nothing."""
        wanted = [
            _Wanted(want, address, _key(address, want))
            for want in wants
            if (address := self._addresses.of(want)) is not None
        ]
        found: dict[str, Picture] = {}
        flights: dict[str, asyncio.Task[Picture | bool | None]] = {}
        left_out = False
        for each, kept in zip(wanted, await self._kept(wanted), strict=True):
            if isinstance(kept, Picture):
                found[each.want.role] = kept
            elif kept is None:
                flight = self._flight(each)
                if flight is None:
                    left_out = True
                else:
                    flights[each.want.role] = flight
        if flights:
            await asyncio.wait(set(flights.values()), timeout=PATIENCE)
        for role, flight in flights.items():
            picture = flight.result() if flight.done() and not flight.cancelled() else None
            if isinstance(picture, Picture):
                found[role] = picture
            left_out = left_out or picture is None
        return Gathered(found, not left_out)

    async def _kept(self, wanted: Sequence[_Wanted]) -> list[Picture | bool | None]:
        """For each what Redis holds: a picture, False where there is none to be had, or None."""
        if not wanted:
            return []
        try:
            async with self._store.reachable():
                pipe = self._store.redis.pipeline(transaction=False)
                for each in wanted:
                    pipe.get(each.key)
                return [_read(value) for value in await pipe.execute()]
        except StoreUnavailable:
            return [None] * len(wanted)

    def _flight(self, wanted: _Wanted) -> asyncio.Task[Picture | bool | None] | None:
        """The one task of this process that gets this picture; None: too many are under way."""
        if self._flights.get(wanted.key) is None and len(self._flights) >= FLIGHTS:
            return None
        return self._flights.join(wanted.key, lambda: self._get(wanted))

    async def _get(self, wanted: _Wanted) -> Picture | bool | None:
        """As `_kept`. Raises nothing: a card without a picture is still a card."""
        try:
            data = await self._fetcher.get(wanted.address)
            result = await self._draughtsmen.do(Scale(data, wanted.want.role, wanted.want.moves))
        except TooBusy:
            return None  # not the picture's fault: it is asked for again
        except (NotFetched, NotDrawn) as error:
            log.debug("api: a picture for %s is left out: %s", wanted.want.role, error)
            await self._keep(wanted, b"", KEEP_FAILURE)
            return False
        if not isinstance(result, Scaled):
            log.debug("api: a picture for %s is left out: %s", wanted.want.role, result)
            await self._keep(wanted, b"", KEEP_FAILURE)
            return False
        keep = wanted.address.keep
        keep += random.randrange(keep // 8 + 1)  # what came together does not go together
        await self._keep(wanted, _encode(result.picture), keep)
        return result.picture

    async def _keep(self, wanted: _Wanted, value: bytes, seconds: int) -> None:
        try:
            async with self._store.reachable():
                await self._store.redis.set(wanted.key, value, ex=seconds)
        except StoreUnavailable:
            log.debug("api: a picture was not kept")


def _key(address: Address, want: Want) -> str:
    role = "badge" if want.role.startswith("badge") else want.role
    made = f"{role} {want.moves} {address.url}".encode()
    return keys.picture(blake2b(made, digest_size=16, key=_VERSION).hexdigest())


def _read(value: bytes | None) -> Picture | bool | None:
    if value is None:
        return None
    if not value:
        return False
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):  # another version of Grux wrote it
        return None
