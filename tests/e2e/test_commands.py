"""`/grux` from end to end: simulated people use it, and what others see follows.

The Redis has the permissions of deploy/redis, so this also tests what the commands need of them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from services.gateway.commands import commands as names
from services.gateway.commands import panel
from services.gateway.commands.history import KEEP
from shared.commands.texts import ENGLISH, LANGUAGES
from shared.redis import keys
from simulator.interaction import EPHEMERAL, Interaction
from simulator.server import Simulator
from testing import samples
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.api.http_client import ask
from tests.e2e.stack import FIRST, ROBIN, Stack
from tests.e2e.test_redis_rights import guarded, url_of

SPOTIFY = {
    "id": "spotify:1",
    "name": "Spotify",
    "type": 2,
    "details": "90mph",
    "state": "JBEE",
    "sync_id": "6uT2TsDrCrXue7ROEfNeGN",
    "created_at": 1_750_873_861_499,
}


class Person:
    """Robin, in Discord. A command that a busy machine could not answer is used again."""

    def __init__(self, discord: Simulator) -> None:
        self._discord = discord
        now = discord.interactions.now()
        discord.interactions.now = lambda: now

    async def use(self, subcommand: str, locale: str = "en-US", **options: Any) -> Interaction:
        given = [
            {"name": name, "type": 4 if isinstance(value, int) else 3, "value": value}
            for name, value in options.items()
        ]
        data = [{"name": subcommand, "type": 1, "options": given}]

        def send() -> Interaction:
            return self._discord.interactions.use_command(
                ROBIN, "grux", data, guild_id=FIRST, locale=locale
            )

        return await self._answered(send)

    async def press(self, of: Interaction, custom_id: str) -> Interaction:
        return await self._answered(lambda: self._discord.interactions.use_component(of, custom_id))

    async def submit(self, of: Interaction, **fields: str) -> Interaction:
        return await self._answered(lambda: self._discord.interactions.submit_modal(of, fields))

    async def _answered(self, send: Any) -> Interaction:
        refusals = {texts.problems.busy for texts in LANGUAGES.values()}
        refusals |= {texts.problems.slow for texts in LANGUAGES.values()}
        refusals |= {texts.problems.too_many for texts in LANGUAGES.values()}
        async with asyncio.timeout(3 * PATIENCE):
            while True:
                sent: Interaction = send()
                await self._discord.interactions.settled(sent, 5.0)
                content = sent.message["content"] if sent.message else None
                if sent.is_settled and content not in refusals:
                    assert sent.message is None or sent.message["flags"] & EPHEMERAL
                    return sent


def said(interaction: Interaction) -> str:
    assert interaction.message is not None
    content: str = interaction.message["content"]
    return content


async def test_a_person_decides_with_commands(tmp_path: Path) -> None:
    """Hide a song, disappear, come back, keep a history, write a profile, get a key, use it, and
    erase it all."""
    async with guarded(tmp_path) as (stack, redis, _):
        for service in ("api", "gateway"):
            address = {"PUBLIC_URL": "https://presence.example"}
            await stack.start(service, REDIS_URL=url_of(stack, service), **address)
        discord = stack.simulator
        await eventually(lambda: discord.commands.named("grux"))
        discord.world.set_presence(ROBIN, "online", [SPOTIFY])
        await stack.shows(ROBIN, lambda data: data["spotify"] is not None)
        robin = Person(discord)

        hidden = await robin.use("hide", "pt-BR", what="spotify")
        assert LANGUAGES["pt-BR"].state.saved in said(hidden)
        await stack.shows(ROBIN, lambda data: data["spotify"] is None)

        await robin.press(hidden, panel.VISIBLE_OFF)
        await stack.not_monitored(ROBIN)
        shown = await robin.use("show", what="everything")
        assert ENGLISH.state.nothing_hidden in said(shown)
        await stack.shows(ROBIN, lambda data: data["spotify"] is not None)

        await robin.use("pause", hours=1)
        await stack.not_monitored(ROBIN)
        await robin.use("pause", hours=0)
        await stack.shows(ROBIN, lambda data: True)

        assert await keeps_no_history(stack)
        await robin.press(await robin.use("history"), f"{KEEP}recent")
        await stack.shows(ROBIN, lambda data: "last_seen" in data)
        await robin.use("hide", what="clan")
        await robin.use("show", what="clan")
        await robin.use("history", keep="off")
        await eventually_async(lambda: keeps_no_history(stack))

        form = await robin.use("profile")
        await robin.submit(form, bio="Tapes & trains", links="Site https://example.org")
        written = await stack.shows(
            ROBIN, lambda data: bool(data["profile"]["bio"] == "Tapes & trains")
        )
        assert written["profile"]["links"] == [{"label": "Site", "url": "https://example.org"}]

        created = await robin.press(await robin.use("key"), names.KEY_NEW)
        key = f"Authorization: {said(created).split('`')[1]}"
        wrote = await ask(stack.api_port, "/v1/users/@me/kv/a", key, method="PUT", body="1")
        assert wrote.status == 204
        await stack.shows(ROBIN, lambda data: bool(data["profile"]["kv"] == {"a": "1"}))

        assert "https://presence.example/card/" in said(await robin.use("links"))
        data = await robin.use("data")
        assert data.message is not None
        held = msgspec.json.decode(data.message["attachments"][0]["text"])
        assert (held["kv"], held["settings"]["bio"]) == ({"a": "1"}, "Tapes & trains")

        question = await robin.use("erase")
        erased = await robin.press(question, f"{names.ERASE}{ROBIN}")
        assert said(erased) == ENGLISH.data.erased
        await stack.shows(ROBIN, lambda data: not data["profile"]["kv"])
        await stack.shows(ROBIN, lambda data: not data["profile"]["links"])
        for name in (keys.durable_settings(int(ROBIN)), keys.durable_key(int(ROBIN))):
            assert not await redis.exists(name)

        await a_replay_changes_nothing(stack, robin)
        await samples_do_no_harm(stack, robin)
        assert await redis.acl_log() == []


async def keeps_no_history(stack: Stack) -> bool:
    _, body = await stack.get(f"/history/{ROBIN}")
    return bool(body.get("error", {}).get("code") == "history_off")


async def a_replay_changes_nothing(stack: Stack, robin: Person) -> None:
    """A gateway is killed and resumes its session: Discord repeats what it has not acknowledged."""
    old = await robin.use("hide", what="everything")
    await robin.use("show")
    await stack.shows(ROBIN, lambda data: True)
    await stack.processes["gateway"].kill()
    await stack.start("gateway", REDIS_URL=url_of(stack, "gateway"))
    await stack.processes["gateway"].line_with("is connected to")
    stack.simulator.interactions.repeat(old)
    await eventually(lambda: old.refusals)
    assert {refusal.split()[0] for refusal in old.refusals} == {"40060"}
    await robin.use("links")  # after it, in the same queue
    await stack.shows(ROBIN, lambda data: True)


CALLBACKS = "POST /interactions/{interaction_id}/{token}/callback"


async def samples_do_no_harm(stack: Stack, robin: Person) -> None:
    """Every sample, hostile ones included, over the real gateway. Those that Grux understands get
    an answer, which this Discord refuses, because it has not sent them."""
    found = samples.read("oauth-and-interaction-samples.json")["interactions"]
    events = [found[name]["d"] for name in found if name != "hostile"]
    events += [one["event"]["d"] for one in found["hostile"] if "event" in one]
    assert len(events) == 14
    not_for_grux = 3  # another custom_id, an unknown type, and nobody
    stats = stack.simulator.stats
    before = stats.rest_by_route[CALLBACKS]
    for event in events:
        stack.simulator.sessions.raw("INTERACTION_CREATE", msgspec.json.encode(event))
    wanted = before + len(events) - not_for_grux
    await eventually(lambda: stats.rest_by_route[CALLBACKS] >= wanted)
    await robin.use("links")
    assert "Traceback" not in stack.processes["gateway"].output
