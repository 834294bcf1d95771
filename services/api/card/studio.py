"""Everything that draws, put together: one for a process of the api."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from services.api.card.addresses import Addresses
from services.api.card.cards import Cards
from services.api.card.draughtsmen import Draughtsmen
from services.api.card.fetching import Fetcher
from services.api.card.pictures import Pictures
from shared.config import ApiSettings
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store


class Studio:
    """`async with Studio(...)` is its lifetime. Opens and starts nothing before it is used."""

    def __init__(
        self,
        store: Store,
        people: UserReader,
        settings: ApiSettings,
        silent_for: Callable[[], int | None],
    ) -> None:
        self.people = people
        self.draughtsmen = Draughtsmen()
        self._fetcher = Fetcher()
        addresses = Addresses(settings.discord_cdn_url, settings.discord_cdn_fetch_url)
        self._pictures = Pictures(store, addresses, self._fetcher, self.draughtsmen)
        invite = settings.discord_invite or None
        self.cards = Cards(people, self._pictures, self.draughtsmen, invite, silent_for)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cards.close()
        await self._pictures.close()
        await self._fetcher.close()
        await self.draughtsmen.close()
