"""The bot: asks Discord how to connect, and keeps the shards of this process connected."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

import aiohttp
import hikari
from hikari.impl import RESTApp
from hikari.sessions import SessionStartLimit
from msgspec import Struct

from services.gateway.discord.identify_limits import IdentifyLimiter
from services.gateway.discord.shard import Dispatches, Shard
from services.gateway.discord.starts import SessionStartLimiter
from services.gateway.sync.lease import Lease
from services.gateway.sync.session_resume import SessionResume
from services.gateway.sync.writer import Writer
from shared.config import GatewaySettings
from shared.redis.store import Store

log = logging.getLogger(__name__)

FIRST_RETRY: Final = 1.0  # seconds; doubles up to
LAST_RETRY: Final = 120.0
ASK_AGAIN: Final = 0.25  # seconds, while it is not known whether a shard is still ours
FLUSH_WITHIN: Final = 4.0  # seconds, at the end
LET_GO_WITHIN: Final = 1.0  # seconds, after that

UNAUTHORIZED: Final = (
    "Discord refuses the bot token (close code 4004). DISCORD_TOKEN is wrong or was reset: copy "
    "the token from https://discord.com/developers/applications, your application, Bot, Reset "
    "Token."
)
BAD_INTENTS: Final = (
    "Discord refuses the intents that presences need (close code 4014). Open "
    "https://discord.com/developers/applications, your application, Bot, Privileged Gateway "
    "Intents; switch on PRESENCE INTENT and SERVER MEMBERS INTENT; save; start Grux again."
)
FATAL: Final = {
    4004: UNAUTHORIZED,
    4010: "Discord refuses the shard (close code 4010): check SHARD_IDS and SHARD_COUNT.",
    4011: "The bot is in more guilds than one shard may carry (close code 4011): raise "
    "SHARD_COUNT, or leave it empty to use what Discord recommends.",
    4012: "Discord no longer speaks this gateway version (close code 4012): update Grux.",
    4013: "Discord does not know the intents that were sent (close code 4013): update Grux.",
    4014: BAD_INTENTS,
}
"""Close codes that no reconnecting mends. Discord docs: Opcodes and Status Codes."""


class DiscordRefused(Exception):
    """Raised when Discord will not have the bot; the text says what to change."""


async def gateway_info(settings: GatewaySettings) -> hikari.GatewayBotInfo:
    """Where to connect, with how many shards. Waits while Discord cannot be reached."""
    retry = FIRST_RETRY
    rest = RESTApp(url=settings.discord_api_url)
    await rest.start()
    try:
        while True:
            try:
                async with rest.acquire(settings.discord_token, "Bot") as client:
                    return await client.fetch_gateway_bot_info()
            except hikari.UnauthorizedError:
                raise DiscordRefused(UNAUTHORIZED) from None
            except (hikari.HTTPError, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning(
                    "Discord's API cannot be reached at DISCORD_API_URL (%s); trying again in "
                    "%.0f s",
                    type(error).__name__,
                    retry,
                )
            await asyncio.sleep(retry)
            retry = min(retry * 2, LAST_RETRY)
    finally:
        await rest.close()


class ShardUnit(Struct, frozen=True):
    """One shard, and who deals with it."""

    shard: Shard
    dispatches: Dispatches
    resumption: SessionResume


class GatewayRunner:
    """Keeps those shards connected which this process has the lease of."""

    def __init__(
        self,
        settings: GatewaySettings,
        info: hikari.GatewayBotInfo,
        store: Store,
        writer: Writer,
        on_loss: Callable[[], None],
    ) -> None:
        """`on_loss` is called when Redis may have lost what was written."""
        self._settings = settings
        self._url = info.url
        self._store = store
        self._writer = writer
        self._starts = SessionStartLimiter(self._start_limit)
        self._turns = IdentifyLimiter(store, info.session_start_limit.max_concurrency)
        self._on_loss = on_loss
        self._held: dict[Lease, ShardUnit] = {}

    def may_write(self) -> bool:
        """Whether nobody else writes what our shards show, and what they show is the newest."""
        return all(lease.valid and not part.shard.catching_up for lease, part in self._held.items())

    def doubt(self) -> None:
        """What this process holds in Redis may be lost."""
        for lease in self._held:
            lease.doubt()

    def epochs(self) -> dict[tuple[int, int], str]:
        """Of each shard that this process runs its wholeness.epoch."""
        return {lease.shard: lease.epoch for lease in self._held}

    async def run(self, parts: Sequence[ShardUnit]) -> None:
        """Run until cancelled, then hand the shards over. Raises DiscordRefused, in a group."""
        try:
            async with asyncio.TaskGroup() as running:
                for part in parts:
                    running.create_task(self._keep(part))
        finally:
            await self._hand_over()

    async def _keep(self, part: ShardUnit) -> None:
        shard = part.shard
        lost = False
        while True:
            lease = Lease(self._store, shard.id, shard.count, self._on_loss)
            shard.stands_by = True
            await lease.acquire(lost=lost)
            shard.stands_by = False
            self._held[lease] = part
            work = [
                asyncio.create_task(lease.hold()),
                asyncio.create_task(self._connect(part, lease)),
                asyncio.create_task(part.resumption.keep(lease)),
            ]
            try:
                done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
            part.resumption.forget()
            shard.go_on_with(None)
            await lease.release()
            del self._held[lease]
            lost = True

    async def _hand_over(self) -> None:
        """Nothing comes any more. Write what is owed, and up to where that reaches; let go."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_WITHIN):
                if self.may_write():  # else it will not: the next resumes from before what is owed
                    await self._writer.settled()
                for lease, part in self._held.items():
                    await part.resumption.keep_last(lease)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LET_GO_WITHIN):
                for lease in self._held:
                    await lease.release()

    async def _connect(self, part: ShardUnit, lease: Lease) -> None:
        """hikari resumes by itself; what it gives up on is resumed here, or begun anew."""
        retry = FIRST_RETRY
        loop = asyncio.get_running_loop()
        shard = part.shard
        shard.go_on_with(await part.resumption.recall())
        while True:
            began = loop.time()
            try:
                await self._one_session(part, lease)
            except hikari.GatewayServerClosedConnectionError as closed:
                if closed.code in FATAL:
                    raise DiscordRefused(FATAL[int(closed.code)]) from None
                log.warning("Discord closed shard %d (code %s)", shard.id, closed.code)
            except Exception:
                log.exception("shard %d failed", shard.id)
            if loop.time() - began > LAST_RETRY:
                retry = FIRST_RETRY  # it stood: what ended it is another trouble
            await asyncio.sleep(retry)
            retry = min(retry * 2, LAST_RETRY)

    async def _one_session(self, part: ShardUnit, lease: Lease) -> None:
        await part.shard.run(
            self._url,
            part.dispatches,
            may_connect=lambda: self._may_connect(part, lease),
            on_ready=part.resumption.caught_up,
        )

    async def _may_connect(self, part: ShardUnit, lease: Lease) -> None:
        """Returns when the shard may connect, and identify if there is nothing to resume."""
        shard = part.shard
        while lease.contended and not lease.valid:  # noqa: ASYNC110 (time makes it valid)
            await asyncio.sleep(ASK_AGAIN)  # else two would take the session from each other
        if shard.session is not None:
            return
        if shard.catching_up and part.resumption.recalled:
            log.info("Discord does not resume the session of shard %d", shard.id)
            part.resumption.forget()
            shard.go_on_with(None)
        await part.resumption.drop(lease)
        await self._starts.wait(shard.id)
        await self._turns.wait(shard.id)

    async def _start_limit(self) -> SessionStartLimit | None:
        try:
            return (await gateway_info(self._settings)).session_start_limit
        except DiscordRefused:
            return None  # the gateway says so as well, and that ends the process
