"""Keeps the shards of this process connected for as long as it holds their leases."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct

from services.gateway.discord.gateway_info import (
    BOT_REJECTED,
    DiscordRefused,
    GatewayInfo,
    SessionStartLimit,
    fetch_application_flags,
    fetch_gateway_info,
)
from services.gateway.discord.identify_limits import IdentifyLimiter, SessionStartLimiter
from services.gateway.discord.shard import ClosedByDiscord, Shard
from services.gateway.event_handler import EventHandler
from services.gateway.intent_review import explain_refusal
from services.gateway.sync.lease import Lease, LeaseTimings
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.session_resume import SessionResume
from services.gateway.sync.write_gate import WriteGate
from services.gateway.sync.writer import Writer
from shared.config import GatewaySettings
from shared.net.backoff import Backoff
from shared.redis.store import Store

log = logging.getLogger(__name__)

RECONNECT_BACKOFF: Final = Backoff(first_s=1.0, max_s=120.0)
STABLE_AFTER_S: Final = 120.0  # a connection that lasted this long ends a series of failures
LEASE_POLL_S: Final = 0.25  # while it is not known whether the shard is still ours
DRAIN_TIMEOUT_S: Final = 4.0  # at the end
RELEASE_TIMEOUT_S: Final = 1.0  # after that

DISALLOWED_INTENTS: Final = 4014
FATAL: Final = {
    4004: BOT_REJECTED % "close code 4004",
    4010: "Discord refuses the shard (close code 4010): check SHARD_IDS and SHARD_COUNT.",
    4011: "The bot is in more guilds than one shard may carry (close code 4011): raise "
    "SHARD_COUNT, or leave it empty to use what Discord recommends.",
    4012: "Discord no longer supports this gateway version (close code 4012): update Grux.",
    4013: "Discord does not know the intents that were sent (close code 4013): update Grux.",
}
"""Close codes that reconnecting cannot fix. Discord docs: Opcodes and Status Codes."""


class ShardUnit(Struct, frozen=True):
    """One shard, and what belongs to it alone."""

    shard: Shard
    handler: EventHandler
    resume: SessionResume


class GatewayRunner:
    """Runs each shard while this process holds its lease."""

    def __init__(
        self,
        settings: GatewaySettings,
        info: GatewayInfo,
        store: Store,
        gate: WriteGate,
        writer: Writer,
        reconciler: Reconciler,
        units: Sequence[ShardUnit],
        lease_timings: LeaseTimings | None = None,
        *,
        before_shard: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`before_shard` is awaited when this process has got a shard, before it connects."""
        self._settings = settings
        self._url = info.url
        self._store = store
        self._gate = gate
        self._writer = writer
        self._reconciler = reconciler
        self._units = units
        self._lease_timings = lease_timings
        self._before_shard = before_shard
        self._session_starts = SessionStartLimiter(self._fetch_start_limit)
        self._identifies = IdentifyLimiter(store, info.session_start_limit.max_concurrency)
        self._held: dict[Lease, ShardUnit] = {}
        self._has_worked = False  # Discord has accepted the intents, of this process or the last

    async def run(self) -> None:
        """Run until cancelled, then hand the shards over. Raises DiscordRefused, in a group."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for unit in self._units:
                    tasks.create_task(self._run_unit(unit))
        finally:
            await self._hand_over()

    async def _run_unit(self, unit: ShardUnit) -> None:
        shard = unit.shard
        has_lost = False
        while True:
            lease = Lease(self._store, (shard.id, shard.count), self._lease_timings)
            shard.is_standing_by = True
            await lease.acquire(lost=has_lost)
            shard.is_standing_by = False
            self._held[lease] = unit
            self._gate.add(lease, shard.replay)
            tasks = [
                asyncio.create_task(self._hold(unit, lease)),
                asyncio.create_task(self._stay_connected(unit, lease)),
            ]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            unit.resume.forget()
            shard.resume_with(None)
            await lease.release()
            del self._held[lease]
            self._gate.remove(lease)
            has_lost = True

    async def _hold(self, unit: ShardUnit, lease: Lease) -> None:
        """Renew the lease, and with it the checkpoint, until the shard is another process's."""
        with lease.held():
            while True:
                match await lease.renew(unit.resume.next_checkpoint()):
                    case "data lost":
                        self._rewrite_all()
                    case "unreachable":
                        unit.resume.invalidate()
                    case "lost":
                        return
                await lease.until_due()

    def _rewrite_all(self) -> None:
        """Redis may have lost data: write all users again, and save no checkpoint before."""
        for unit in self._units:
            unit.resume.invalidate()
            unit.shard.mark_possibly_stale()
        self._reconciler.rewrite_all()

    async def _hand_over(self) -> None:
        """No events come any more. Flush the writer, save the last checkpoints, release leases."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                if self._gate.is_open:  # else the next process resumes from before the pending ones
                    await self._writer.drained()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                for lease, unit in self._held.items():
                    await lease.release(unit.resume.last_checkpoint())

    async def _stay_connected(self, unit: ShardUnit, lease: Lease) -> None:
        """hikari reconnects and resumes by itself; start it again when it gives up."""
        failures = 0
        loop = asyncio.get_running_loop()
        shard = unit.shard
        if self._before_shard is not None:
            await self._before_shard()
        session = await unit.resume.restore()
        self._has_worked |= session is not None
        shard.resume_with(session)

        def on_ready() -> None:
            self._has_worked = True
            unit.resume.finish_replay()

        while True:
            began = loop.time()
            try:
                await shard.run(
                    self._url,
                    unit.handler,
                    may_connect=lambda: self._may_connect(unit, lease),
                    on_ready=on_ready,
                )
            except ClosedByDiscord as closed:
                if closed.code == DISALLOWED_INTENTS:
                    raise DiscordRefused(await self._explain_intents()) from None
                if closed.code in FATAL:
                    raise DiscordRefused(FATAL[closed.code]) from None
                log.warning("Discord closed shard %d (code %s)", shard.id, closed.code)
            except Exception:
                log.exception("shard %d failed", shard.id)
            if loop.time() - began > STABLE_AFTER_S:
                failures = 0
            failures += 1
            await asyncio.sleep(RECONNECT_BACKOFF.delay(failures))

    async def _explain_intents(self) -> str:
        flags = await fetch_application_flags(self._settings)
        return explain_refusal(flags, has_worked=self._has_worked)

    async def _may_connect(self, unit: ShardUnit, lease: Lease) -> None:
        """Return when the shard may connect, and identify if there is no session to resume."""
        shard = unit.shard
        while lease.has_standby and not lease.valid:  # noqa: ASYNC110 (time makes it valid)
            await asyncio.sleep(LEASE_POLL_S)  # else two processes would take the session in turns
        if shard.session is not None:
            return
        if shard.replay.active and unit.resume.is_restored:
            log.info("Discord does not resume the session of shard %d", shard.id)
            unit.resume.forget()
            shard.resume_with(None)
        unit.resume.begin_session()
        lease.renew_soon()
        await self._session_starts.wait(shard.id)
        await self._identifies.wait(shard.id)

    async def _fetch_start_limit(self) -> SessionStartLimit | None:
        try:
            return (await fetch_gateway_info(self._settings)).session_start_limit
        except DiscordRefused:
            return None  # the gateway refuses the bot as well, which ends the process
