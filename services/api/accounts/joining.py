"""One-click join: the server of JOIN_GUILD_ID, for people who have signed in and ask for it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final, Literal

from msgspec import structs

from services.api.accounts.discord_answers import DiscordAway, JoinRefused, Membership
from services.api.accounts.service import AccountService
from services.api.accounts.sign_in import JOIN_SCOPE
from services.api.accounts.view import JoinOffer
from shared.http.errors import JoinFailed
from shared.model import user_settings
from shared.redis.store import SnapshotDamaged

log = logging.getLogger(__name__)

JoinOutcome = Literal["joined", "joining", "join-pending"]
"""The card is live; it will be; the rules of the server are still to be accepted."""

SIGN_IN_AGAIN: Final = (
    "Discord does not accept your sign-in for this any more. Sign out, sign in again, and try it "
    "once more."
)

_TOKEN_INVALID: Final = 50025
_OPERATORS: Final = frozenset({50001, 50013})
_UNVERIFIED: Final = frozenset({40002, 50178})
_REFUSALS: Final = {
    30001: (
        "You are in as many servers as Discord allows. Leave one in Discord, then try it again."
    ),
    30019: "The server is full. The operator of this server has to make room first.",
    20024: "Discord asks for a higher age than that of your account, so you cannot join.",
    **dict.fromkeys(
        _UNVERIFIED,
        "Discord wants you to verify your account first: look into Discord, then try it again.",
    ),
    40007: "You are banned from this server, so Discord does not let you join it.",
    _TOKEN_INVALID: SIGN_IN_AGAIN,
    340015: (
        "Discord does not let your account join servers at the moment. Try it again later, or "
        "look into Discord for the reason."
    ),
    **dict.fromkeys(
        _OPERATORS,
        "The bot may not let anyone join this server. The operator has to give it the permission "
        "Create Invite there; the log of api says so too.",
    ),
}
"""By Discord's error code. Discord docs: Topics, Opcodes and Status Codes, JSON."""


class JoinService:
    """Offers it, and does it."""

    def __init__(self, accounts: AccountService) -> None:
        self._accounts = accounts
        self._timings = accounts.join_timings
        self._guild_id = accounts.settings.guild_to_join()
        self._name: str | None = None
        self._named_at = float("-inf")

    async def offer(self, user_id: int, root: str) -> JoinOffer | None:
        """None: there is no server to join, or the user has not permitted it at Discord."""
        if self._guild_id is None:
            return None
        grant = await self._accounts.grants.get(user_id)
        if grant is None or JOIN_SCOPE not in grant.scopes:
            return None
        name = await self._server_name(self._guild_id)
        return JoinOffer(name, f"{root}me/join") if name else None

    async def join(self, user_id: int) -> JoinOutcome:
        """Raises JoinFailed, DiscordAway, DurableUnavailable, StoreUnavailable."""
        if self._guild_id is None:
            raise JoinFailed("There is no server to join here.")
        membership = await self._add(self._guild_id, user_id)
        consent = self._accounts.settings.consent
        settings = await self._accounts.user_settings.change(
            user_id,
            # The button says that it shows them.
            lambda found: structs.replace(found, opted_in=found.opted_in or consent == "asking"),
        )
        if not user_settings.is_shown(settings, consent, time.time_ns() // 1_000_000):
            return "joining"  # and hidden, as the user has chosen
        if await self._is_shown(user_id):
            return "joined"
        return "join-pending" if membership == "pending" else "joining"

    async def _add(self, guild_id: int, user_id: int) -> Membership:
        keeper, discord = self._accounts.keeper, self._accounts.discord
        for attempt in range(2):
            access = await keeper.usable_access(user_id)
            if access is None:
                raise JoinFailed(SIGN_IN_AGAIN)
            try:
                return await discord.add_member(guild_id, user_id, access)
            except JoinRefused as error:
                if error.code == _TOKEN_INVALID and not attempt:
                    await keeper.check(user_id)  # which refreshes a token that is not accepted
                    continue
                if error.code in _OPERATORS:
                    log.error(
                        "accounts: nobody can join the server of JOIN_GUILD_ID (Discord's error "
                        "%d): the bot must be in it, with the permission Create Invite",
                        error.code,
                    )
                text = "Discord does not let you join this server right now. Try it again later."
                raise JoinFailed(_REFUSALS.get(error.code, text)) from None
        raise JoinFailed(SIGN_IN_AGAIN)

    async def _is_shown(self, user_id: int) -> bool:
        """Wait until the gateway has heard of the new member."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timings.wait):
                while True:
                    with suppress(SnapshotDamaged):
                        if await self._accounts.store.load(user_id) is not None:
                            return True
                    await asyncio.sleep(self._timings.poll)
        return False

    async def _server_name(self, guild_id: int) -> str | None:
        """As Discord has it; the last one that is known while Discord is away."""
        if time.monotonic() > self._named_at + self._timings.name_fresh:
            try:
                self._name = await self._accounts.discord.guild_name(guild_id)
            except DiscordAway:
                return self._name or "the server"
            self._named_at = time.monotonic()
            if self._name is None:
                log.error("accounts: the bot is not in the server of JOIN_GUILD_ID")
        return self._name
