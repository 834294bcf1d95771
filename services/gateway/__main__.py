"""`python -m services.gateway`: Discord's presences into Redis."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from typing import Any

import aiohttp
import hikari

from services.gateway import metrics, redis_memory
from services.gateway.discord.member_requests import MemberRequests
from services.gateway.discord.shard import Shard
from services.gateway.event_handler import EventHandler
from services.gateway.normalize.app_icons import Icons
from services.gateway.runner import DiscordRefused, GatewayRunner, ShardUnit, gateway_info
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import UserCache
from services.gateway.status import health_probe
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.session_resume import GatewayState, SessionResume, compatibility_key
from services.gateway.sync.writer import Writer
from services.gateway.vitals import Vitals
from shared.config import ConfigError, GatewaySettings, non_defaults
from shared.discord.cdn import Cdn
from shared.discord.user_agent import USER_AGENT
from shared.redis.store import Store
from shared.startup import bootstrap, redis_preflight
from shared.startup.bootstrap import ServiceProcess
from shared.telemetry.health import Health
from shared.telemetry.metrics import total

log = logging.getLogger(__name__)

SIGN_OFF_WITHIN = 1.0  # seconds


async def serve(settings: GatewaySettings, health: Health) -> None:
    """Run until cancelled. Raises DiscordRefused (or a group) if Discord rejects the bot."""
    cdn = Cdn(settings.discord_cdn_url)
    people = UserCache()

    def may_write() -> bool:
        return bot.may_write()

    def doubt() -> None:
        bot.doubt()

    def epochs() -> dict[tuple[int, int], str]:
        return bot.epochs()

    async with Store.connect(settings.redis_url, timeout=5.0) as store:
        icons = Icons(store, settings.discord_api_url, USER_AGENT)
        writer = Writer(store, people, icons, cdn, may_write, doubt)
        sweep = Reconciler(store, writer, epochs)
        roster = GuildCache(people, writer, sweep.guild)
        metrics.PEOPLE.set_function(lambda: len(people))
        metrics.PENDING_WRITES.set_function(lambda: writer.owed)
        shards: list[Shard] = []
        health.begin(health_probe(store, writer, lambda: len(people), shards))

        info = await gateway_info(settings)
        count = settings.shard_count or info.shard_count
        shards += [
            Shard(settings.discord_token, shard_id, count)
            for shard_id in settings.shards() or range(count)
        ]

        parts: list[ShardUnit] = []

        def write_anew() -> None:
            writer.rewrite()
            sweep.again(roster)

        def lost() -> None:
            for part in parts:
                part.resumption.lost()
                part.shard.may_be_behind()
            write_anew()

        bot = GatewayRunner(settings, info, store, writer, lost)
        vitals = Vitals(store, shards)
        async with asyncio.TaskGroup() as tasks:
            for shard in shards:
                requests = MemberRequests(shard)
                tasks.create_task(requests.run())
                intake = EventHandler(
                    (shard.id, count),
                    only=settings.guilds(),
                    people=people,
                    roster=roster,
                    owed=writer,
                    requests=requests,
                    sweep=sweep,
                )
                resumption = SessionResume(
                    shard,
                    GatewayState(store, roster, sweep, writer, requests),
                    compatibility_key(settings),
                    disown=intake.lost,
                    on_loss=write_anew,
                )
                parts.append(ShardUnit(shard, intake, resumption))
            tasks.create_task(writer.run())
            tasks.create_task(icons.run())
            tasks.create_task(sweep.run(roster))
            tasks.create_task(vitals.run())
            tasks.create_task(redis_memory.watch(store))
            try:
                await bot.run(parts)
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SIGN_OFF_WITHIN):
                        await vitals.end()


async def run_until_stopped(process: ServiceProcess[GatewaySettings]) -> str:
    """Watch Discord until a signal comes. Returns the totals."""
    log.info("starting: %s", non_defaults(process.settings))
    serving = asyncio.create_task(serve(process.settings, process.health))
    process.on_stop(serving.cancel)
    await asyncio.wait({serving})
    if not serving.cancelled():
        serving.result()  # raises what ended it
    events, written = total(metrics.EVENTS), total(metrics.SAVES_WRITTEN)
    return f"{events} events, {written} snapshots written"


def require_token(settings: GatewaySettings) -> None:
    """Raise ConfigError without a token."""
    if not settings.discord_token:
        raise ConfigError(
            "DISCORD_TOKEN must be set: the bot's token, in .env. To try Grux without a bot, "
            "with simulated people: `make run`, or `docker compose --profile demo up`."
        )


def main() -> int:
    """Give the exit code."""
    return bootstrap.run(
        "gateway",
        GatewaySettings,
        run_until_stopped,
        redis_commands=redis_preflight.WRITER,
        check=require_token,
        operator_errors=(DiscordRefused,),
        loop_exception_handler=_complain,
    )


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What hikari leaves behind of a connection that has ended is no news.

    It has a task for each side and hears of one end only; and ended while it connects, it leaves
    its HTTP session to the garbage collector, which closes it.
    """
    error = context.get("exception")
    if (
        isinstance(error, hikari.GatewayError | aiohttp.ClientConnectionResetError)
        or (isinstance(error, AssertionError) and "heartbeat" in str(context))
        or "client_session" in context
    ):
        log.debug("a connection to Discord that ended: %s", context.get("message"))
    else:
        loop.default_exception_handler(context)


if __name__ == "__main__":
    sys.exit(main())
