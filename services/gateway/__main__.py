"""`python -m services.gateway`: writes presences from Discord into Redis."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from functools import partial

import shared.startup.import_phase  # noqa: F401 (it works while the others are imported)
from services.gateway import metrics
from services.gateway.commands.gateway_commands import GatewayCommands
from services.gateway.departures import Departures
from services.gateway.discord.gateway_info import (
    DiscordRefused,
    fetch_application_flags,
    fetch_gateway_info,
)
from services.gateway.discord.hikari_shard import handle_loop_exception
from services.gateway.discord.member_requests import MemberRequests
from services.gateway.discord.presence_checks import CheckTimings, PresenceChecks, ask
from services.gateway.discord.shard import Shard, is_followed, shard_id_of
from services.gateway.event_handler import EventHandler
from services.gateway.guild_approval import GuildApproval
from services.gateway.history.observations import Observations
from services.gateway.history.recorder import HistoryRecorder
from services.gateway.history.watch import Watch
from services.gateway.intent_review import watch_intent_review
from services.gateway.normalize.app_icons import AppIcons
from services.gateway.privacy.settings_table import SettingsTable
from services.gateway.runner import GatewayRunner, ShardUnit
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.settling import Settling
from services.gateway.state.user_cache import UserCache
from services.gateway.status import health_probe, send_heartbeats, watch_redis_memory
from services.gateway.sync.reconciler import Reconciler
from services.gateway.sync.session_resume import GatewayState, SessionResume, compatibility_key
from services.gateway.sync.write_gate import WriteGate
from services.gateway.sync.writer import Writer
from shared.config import ConfigError, GatewaySettings, non_defaults
from shared.discord.cdn import Cdn
from shared.discord.user_agent import USER_AGENT
from shared.redis import durable, expiry
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.history import HistoryStore
from shared.redis.settings_feed import SettingsFeed
from shared.redis.store import Store, StoreUnavailable
from shared.redis.user_settings import UserSettingsStore
from shared.startup import bootstrap, redis_preflight
from shared.startup.bootstrap import ServiceProcess
from shared.telemetry.health import Health
from shared.telemetry.metrics import total
from shared.version import VERSION

log = logging.getLogger(__name__)


async def serve(settings: GatewaySettings, health: Health) -> None:
    """Run until cancelled. Raises DiscordRefused (or a group) if Discord rejects the bot."""
    async with (
        Store.connect(settings.redis_url, timeout=5.0) as store,
        durable.connect(settings.durable_redis_url, store) as durable_store,
    ):
        users = UserCache()
        gate = WriteGate()
        connections = ConnectedAccountsStore(durable_store)
        people = SettingsTable(UserSettingsStore(durable_store), connections, settings.consent)
        feed = SettingsFeed.connect(settings.durable_redis_url or settings.redis_url, people)
        icons = AppIcons(store, settings.discord_api_url, USER_AGENT)
        shards: list[Shard] = []
        watch = Watch(shards)
        history = Observations(people, watch, days=settings.history_days)
        writer = Writer(store, users, icons, Cdn(settings.discord_cdn_url), gate, people, history)
        guilds = GuildCache(
            users, writer, partial(is_followed, shards), partial(shard_id_of, shards)
        )
        reconciler = Reconciler(store, writer, guilds, gate, people)

        metrics.PEOPLE.set_function(lambda: people.count_shown(users))
        metrics.PENDING_WRITES.set_function(lambda: writer.pending)
        health.begin(health_probe(store, writer, users, people, shards))

        await _drop_expired(store, settings.presence_max_silence)
        info = await fetch_gateway_info(settings)
        count = settings.shard_count or info.shards
        shards += [
            Shard(settings.discord_token, shard_id, count)
            for shard_id in settings.shards() or range(count)
        ]
        approval = await GuildApproval.of(settings, durable_store)
        commands = GatewayCommands(settings, store, durable_store, users)
        recorder = HistoryRecorder(
            HistoryStore(durable_store, days=settings.history_days),
            history,
            watch,
            people,
            writer.changed,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(people.run(writer.apply_settings))
            tasks.create_task(feed.run())
            units = []
            checks: list[PresenceChecks] = []
            for shard in shards:
                requests = MemberRequests(shard)
                handler = EventHandler(
                    (shard.id, count),
                    is_approved=approval.is_approved,
                    users=users,
                    guilds=guilds,
                    writer=writer,
                    requests=requests,
                    reconciler=reconciler,
                    on_interaction=commands.offer,
                )
                state = GatewayState(store, guilds, reconciler, writer, users, people, requests)
                resume = SessionResume(shard, state, compatibility_key(settings, approval.approved))
                units.append(ShardUnit(shard, handler, resume))
                tasks.create_task(requests.run())
                if settings.presence_check_seconds:
                    timings = CheckTimings(round_interval_s=settings.presence_check_seconds)
                    check = PresenceChecks(store, shard, requests, users, guilds, timings)
                    checks.append(check)
                    tasks.create_task(check.run())
            runner = GatewayRunner(
                settings,
                info,
                store,
                gate,
                writer,
                reconciler,
                units,
                before_shard=recorder.refresh,
            )
            tasks.create_task(approval.run(units))
            tasks.create_task(writer.run())
            tasks.create_task(icons.run())
            tasks.create_task(recorder.run())
            tasks.create_task(Departures(store, durable_store, users, shards).run())
            tasks.create_task(commands.run())
            tasks.create_task(Settling(users, guilds, writer, shards, partial(ask, checks)).run())
            tasks.create_task(reconciler.run())
            tasks.create_task(send_heartbeats(store, shards))
            tasks.create_task(watch_redis_memory(store))
            tasks.create_task(
                watch_intent_review(store, partial(fetch_application_flags, settings))
            )
            tasks.create_task(expiry.run(store, settings.presence_max_silence))
            await people.loaded()  # who hides what: before anything can be written
            await runner.run()


async def _drop_expired(store: Store, max_silence_s: float) -> None:
    """Before this process connects: then presences count as fresh, and old ones would be shown."""
    with contextlib.suppress(StoreUnavailable):  # then nothing can be read either
        if await expiry.is_due(store, max_silence_s):
            dropped = await expiry.drop_all(store)
            log.warning("no gateway for more than %.0f s: deleted %d users", max_silence_s, dropped)


async def run_until_stopped(process: ServiceProcess[GatewaySettings]) -> str:
    """Watch Discord until a signal comes. Returns the totals."""
    log.info("starting version %s: %s", VERSION, non_defaults(process.settings))
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
        durable_commands=redis_preflight.SETTINGS,
        check=require_token,
        operator_errors=(DiscordRefused,),
        loop_exception_handler=handle_loop_exception,
    )


if __name__ == "__main__":
    sys.exit(main())
