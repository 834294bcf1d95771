"""All that the routes of accounts share: sessions, grants, limits, and the stores behind them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from msgspec import Struct
from starlette.requests import Request

from services.api.accounts.address import SiteAddress, site_address
from services.api.accounts.discord_api import DiscordApi
from services.api.accounts.grant_keeper import GrantKeeper, GrantTimings
from services.api.accounts.limits import AccountLimits, LimitCounts
from services.api.accounts.secret_key import KeyRings
from services.api.accounts.sessions import SessionService
from shared.config import ApiSettings
from shared.http.errors import SignInOff
from shared.redis.api_keys import ApiKeys
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.grants import GrantStore
from shared.redis.history import HistoryStore
from shared.redis.sessions import SessionStore
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from shared.startup.background import background

log = logging.getLogger(__name__)


class JoinTimings(Struct, frozen=True):
    """In seconds."""

    wait: float = 4.0  # for the gateway to show the new member
    poll: float = 0.1
    name_fresh: float = 600.0  # how long the server's name is not asked again


class AccountService:
    """Its lifetime is `running`, which also checks grants; without it, nothing is checked."""

    def __init__(
        self,
        store: Store,
        durable: Store,
        settings: ApiSettings,
        timings: GrantTimings | None = None,
        limits: LimitCounts | None = None,
        join_timings: JoinTimings | None = None,
    ) -> None:
        """`durable`: may be the same server as `store`."""
        self.store = store
        self.durable = durable
        self.settings = settings
        self.user_settings = UserSettingsStore(durable)
        self.connections = ConnectedAccountsStore(durable)
        self.history = HistoryStore(durable, days=settings.history_days)
        self.api_keys = ApiKeys(durable)
        self.grants = GrantStore(durable)
        self.session_store = SessionStore(durable)
        self.rings = KeyRings(self.grants, settings.secret_keys())
        self.sessions = SessionService(self.session_store, self.rings)
        self.discord = DiscordApi(
            settings.discord_api_url, settings.discord_token, settings.discord_client_secret
        )
        self.keeper = GrantKeeper(durable, self.discord, self.rings, timings)
        self.join_timings = join_timings or JoinTimings()
        self.limits = AccountLimits(settings.proxies(), limits)

    @property
    def is_on(self) -> bool:
        """Whether people can sign in."""
        return bool(self.settings.discord_client_secret and self.settings.discord_token)

    def site(self, request: Request) -> SiteAddress:
        """Raises SignInOff, NoPublicAddress."""
        if not self.is_on:
            raise SignInOff
        return site_address(request, self.settings.public_url)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Check grants, while the block runs."""
        try:
            async with background(*([self.keeper.run()] if self.is_on else [])):
                yield self
        finally:
            await self.discord.close()
