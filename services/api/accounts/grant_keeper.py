"""Keeps what Discord has granted: encrypts tokens, refreshes them, checks that consent goes on.

Each grant is checked at least once a day, by one of the api processes: the connections are fetched
again, and tokens that end soon are refreshed. A refresh token works once, so one process at a time
refreshes those of a user, and it stores the new ones before it uses them.

What Discord's answers mean: `invalid_grant` ends the consent, and all that came from it is erased.
No answer, 429 and 5xx mean nothing: the refresh may have happened. It is tried once more at once;
whatever comes back then is not taken as the end of the consent, and the next check decides.
A token that is refused (401) is refreshed once, and not tried again before the next check.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Final

import msgspec
from msgspec import Struct

from services.api.accounts.discord_answers import (
    ClientRejected,
    DiscordAway,
    GrantInvalid,
    SignedInUser,
    TokenRejected,
    Tokens,
)
from services.api.accounts.discord_api import DiscordApi
from services.api.accounts.secret_key import KeyRings
from services.api.accounts.token_box import SealedTokens, TokenBox
from shared.key_ring import encrypted_at
from shared.model.connected_accounts import OwnConnection
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.durable import DurableUnavailable
from shared.redis.grants import GrantStore, StoredGrant, sign_out
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore

log = logging.getLogger(__name__)

CONNECTIONS_SCOPE: Final = "connections"
REVOCATION_MAX_AGE_S: Final = 40 * 86_400
"""Longer than any token lives that was not refreshed."""


class GrantTimings(Struct, frozen=True):
    """How often and how long, in seconds."""

    check_interval: float = 86_400.0  # of each grant, at most
    refresh_before: float = 2 * 86_400.0  # the end of a token
    retry: float = 900.0  # after Discord was away
    round_interval: float = 30.0  # between two looks at what is due
    lock: float = 60.0  # longer than a check may take
    batch: int = 50  # checks in a round


class GrantKeeper:
    """The grants of all users. Methods raise DurableUnavailable."""

    def __init__(
        self,
        durable: Store,
        api: DiscordApi,
        rings: KeyRings,
        timings: GrantTimings | None = None,
    ) -> None:
        self._durable = durable
        self._api = api
        self._box = TokenBox(rings)
        self._timings = timings or GrantTimings()
        self._grants = GrantStore(durable)
        self._connections = ConnectedAccountsStore(durable)

    async def run(self) -> None:
        """Check what is due, until cancelled."""
        pause = self._timings.round_interval
        while True:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # processes take turns
            pause = self._timings.round_interval
            try:
                await self.check_due()
                await self.revoke_due()
            except DurableUnavailable as error:
                log.debug("accounts: the durable Redis is away: %s", error)
            except ClientRejected as error:
                log.error("accounts: %s", error)
                pause = self._timings.retry

    async def sign_in(self, user: SignedInUser, tokens: Tokens) -> None:
        """The user has granted it just now."""
        sealed = SealedTokens(user.id, tokens.access, tokens.refresh, user.name, user.avatar)
        now = _now_ms()
        grant = StoredGrant(await self._box.seal(sealed), user.scopes, now, tokens.expires_at)
        await self._grants.store(user.id, grant, now + self._next_check_ms())
        if CONNECTIONS_SCOPE in user.scopes:
            try:
                found = await self._api.connections(tokens.access)
            except (DiscordAway, TokenRejected) as error:
                log.info("accounts: connections could not be fetched at sign-in: %s", error)
                await self._grants.schedule(user.id, now + _ms(self._timings.retry))
            else:
                await self._replace_connections(user.id, grant, found)

    async def known(self, user_id: int) -> SealedTokens | None:
        """Who signed in, with their tokens; None: nobody, or they cannot be decrypted."""
        grant = await self._grants.get(user_id)
        return None if grant is None else await self._box.open(user_id, grant.tokens)

    async def usable_access(self, user_id: int) -> str | None:
        """An access token that has not expired; None: there is none. Raises DiscordAway,
        ClientRejected."""
        grant = await self._grants.get(user_id)
        if grant is None:
            return None
        if grant.expires_at <= _now_ms():
            await self.check(user_id)
            grant = await self._grants.get(user_id)
        sealed = None if grant is None else await self._box.open(user_id, grant.tokens)
        return None if sealed is None else sealed.access

    async def check_due(self) -> None:
        """One round. Raises ClientRejected."""
        for user_id in await self._grants.due(_now_ms(), self._timings.batch):
            try:
                await self.check(user_id)
            except DiscordAway as error:
                delay = max(error.retry_after_s, self._timings.retry)
                await self._grants.schedule(user_id, _now_ms() + _ms(delay))
                if error.retry_after_s:
                    return  # 429: the others wait as well

    async def check(self, user_id: int) -> None:
        """Whether the grant still holds. Raises DiscordAway, ClientRejected."""
        owner = await self._grants.lock(user_id, round(_ms(self._timings.lock)))
        if owner is None:
            return
        try:
            async with asyncio.timeout(self._timings.lock * 0.8):
                await self._check_locked(user_id)
        except TimeoutError:
            raise DiscordAway("no answer in time") from None
        finally:
            await self._grants.unlock(user_id, owner)

    async def consent_ended(self, user_id: int) -> None:
        """Erase what came from the grant: tokens, sessions, connections, and which are shown.

        What the user wrote and chose besides stays: it did not come from Discord.
        """
        await self._connections.erase(user_id)  # first: what is interrupted is tried again
        await UserSettingsStore(self._durable).change(
            user_id, lambda settings: msgspec.structs.replace(settings, connected_accounts=())
        )
        await sign_out(self._durable, user_id, revoke_at_ms=None)
        await self._connections.erase(user_id)  # that a check has just written

    async def deauthorized(self, user_id: int, at_ms: int) -> None:
        """Discord says that the user has withdrawn it, then. Events may come late and in any order:
        one that is older than the grant is no reason to erase it, but to ask."""
        grant = await self._grants.get(user_id)
        if grant is not None and at_ms < grant.granted_at:
            await self._grants.schedule(user_id, _now_ms())
        else:
            await self.consent_ended(user_id)

    async def revoke_due(self) -> None:
        """One round. Raises ClientRejected."""
        for user_id in await self._grants.revocations_due(_now_ms(), self._timings.batch):
            try:
                await self.revoke(user_id)
            except DiscordAway as error:
                delay = max(error.retry_after_s, self._timings.retry)
                await self._grants.postpone_revocation(user_id, _now_ms() + _ms(delay))
                if error.retry_after_s:
                    return

    async def revoke(self, user_id: int) -> None:
        """End the tokens that wait for it at Discord. Raises DiscordAway, ClientRejected."""
        waiting = await self._grants.revocation(user_id)
        if waiting is None:
            await self._grants.revoked(user_id)
            return
        if encrypted_at(waiting) > time.time() - REVOCATION_MAX_AGE_S:
            sealed = await self._box.open(user_id, waiting)
            if sealed is None:  # perhaps another process has the key
                later = _now_ms() + self._next_check_ms()
                await self._grants.postpone_revocation(user_id, later)
                return
            await self._api.revoke(sealed.refresh)
        await self._grants.revoked_these(user_id, waiting, _now_ms())

    async def _check_locked(self, user_id: int) -> None:
        grant = await self._grants.get(user_id)
        if grant is None:
            await self._grants.unschedule(user_id)
            return
        sealed = await self._box.open(user_id, grant.tokens)
        if sealed is None:
            await self._grants.schedule(user_id, _now_ms() + self._next_check_ms())
            return
        try:
            await self._check_opened(user_id, grant, sealed)
        except GrantInvalid:
            log.info("accounts: a user's consent has ended")
            await self.consent_ended(user_id)
        else:
            await self._grants.schedule(user_id, _now_ms() + self._next_check_ms())

    async def _check_opened(self, user_id: int, grant: StoredGrant, sealed: SealedTokens) -> None:
        ends_soon = grant.expires_at - _now_ms() < _ms(self._timings.refresh_before)
        if ends_soon:
            refreshed = await self._refresh(user_id, grant, sealed)
        else:
            refreshed = await self._store(user_id, grant, sealed, grant.expires_at)
        for may_refresh in (not ends_soon, False):
            if refreshed is None:
                return
            grant, sealed = refreshed
            try:
                if CONNECTIONS_SCOPE in grant.scopes:
                    found = await self._api.connections(sealed.access)
                    await self._replace_connections(user_id, grant, found)
                else:
                    await self._api.signed_in_user(sealed.access)
                return
            except TokenRejected:
                if not may_refresh:
                    log.info("accounts: Discord refuses a new token; it is tried again tomorrow")
                    return
            refreshed = await self._refresh(user_id, grant, sealed)

    async def _replace_connections(
        self, user_id: int, grant: StoredGrant, found: list[OwnConnection]
    ) -> None:
        """Unless the consent has ended while Discord answered."""
        current = await self._grants.get(user_id)
        if current is None or current.granted_at != grant.granted_at:
            return
        await self._connections.replace(user_id, found)
        if await self._grants.get(user_id) is None:  # it has ended meanwhile
            await self._connections.erase(user_id)

    async def _refresh(
        self, user_id: int, grant: StoredGrant, sealed: SealedTokens
    ) -> tuple[StoredGrant, SealedTokens] | None:
        """None: the grant is another one by now, or has ended. Raises GrantInvalid too."""
        try:
            tokens = await self._refreshed(sealed)
        except GrantInvalid:
            current = await self._grants.get(user_id)
            if current is None or current.tokens != grant.tokens:
                return None
            raise
        renewed = msgspec.structs.replace(sealed, access=tokens.access, refresh=tokens.refresh)
        return await self._store(user_id, grant, renewed, tokens.expires_at)

    async def _refreshed(self, sealed: SealedTokens) -> Tokens:
        try:
            return await self._api.refresh(sealed.refresh)
        except DiscordAway as error:
            if error.retry_after_s:
                raise
        try:
            return await self._api.refresh(sealed.refresh)
        except GrantInvalid:  # perhaps because the first request was carried out
            raise DiscordAway("a refresh whose outcome is not known") from None

    async def _store(
        self, user_id: int, grant: StoredGrant, sealed: SealedTokens, expires_at: int
    ) -> tuple[StoredGrant, SealedTokens] | None:
        """Encrypted with the newest key. None: the grant is another one by now, or has ended."""
        tokens = await self._box.seal(sealed)
        outcome = await self._grants.replace(user_id, grant, tokens, expires_at)
        if outcome == "gone":
            await self._grants.request_revocation(user_id, tokens, _now_ms())
        if outcome != "replaced":
            return None
        stored = msgspec.structs.replace(grant, tokens=tokens, expires_at=expires_at)
        return stored, sealed

    def _next_check_ms(self) -> int:
        """Not all grants at the same time of the day."""
        return round(_ms(self._timings.check_interval) * random.uniform(0.8, 1.0))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
