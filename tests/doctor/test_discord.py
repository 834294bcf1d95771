"""What Discord says of the bot: each mistake in the portal is named, with what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.doctor import clock
from simulator import BOT_ID
from simulator.faults import RestFault
from simulator.people import FIRST_GUILDS
from simulator.server import Simulator
from tests.doctor.examination import Examination, examined
from tests.e2e.stack import quiet

NOWHERE = "http://127.0.0.1:1/api/v10"


@pytest.fixture
async def discord() -> AsyncIterator[Simulator]:
    async with Simulator(quiet()) as simulator:
        yield simulator


async def ask(simulator: Simulator, redis_url: str, **more: str) -> Examination:
    env = {
        "DISCORD_TOKEN": simulator.token,
        "DISCORD_API_URL": simulator.api_url,
        "REDIS_URL": redis_url,
        "API_PORT": "0",
        "WS_PORT": "0",
    }
    return await examined({**env, **more})


async def test_a_bot_that_is_well(discord: Simulator, redis_url: str) -> None:
    """Its name, its servers with their members, and its sessions are told."""
    said = await ask(discord, redis_url)
    assert said.status == 0
    assert "failure" not in said.printed
    members = sum(len(guild.members) for guild in discord.world.guilds.values())
    for words in (
        f"the bot is grux ({BOT_ID})",
        "clock agrees with Discord's",
        "the Presence Intent is switched on",
        "the Server Members Intent is switched on",
        f"servers that the bot is in: 2, with about {members} members",
        "may still be begun today: 1000 of 1000",
    ):
        assert said.level(words) == "ok"
    assert discord.token not in said.printed


async def test_a_token_that_was_reset(discord: Simulator, redis_url: str) -> None:
    """Discord is asked once, and no more: refused requests add up to a ban."""
    wrong = discord.token + "x"
    said = await ask(discord, redis_url, DISCORD_TOKEN=wrong)
    assert said.status == 1
    assert said.level("does not accept DISCORD_TOKEN") == "failure"
    assert "Reset Token" in said.advice("does not accept DISCORD_TOKEN")
    assert wrong not in said.printed
    assert discord.stats.rest_by_status[401] == 1


@pytest.mark.parametrize(
    ("option", "name"),
    [("allow_presences", "Presence Intent"), ("allow_members", "Server Members Intent")],
)
async def test_an_intent_that_is_switched_off(
    discord: Simulator, redis_url: str, option: str, name: str
) -> None:
    """The one is named and not the other, with the place of its switch."""
    setattr(discord.options, option, False)
    said = await ask(discord, redis_url)
    assert said.status == 1
    assert said.level(f"the {name} is switched off") == "failure"
    assert "Privileged Gateway Intents" in said.advice("is switched off")
    assert said.printed.count("is switched on") == 1


async def test_a_bot_that_nobody_invited(discord: Simulator, redis_url: str) -> None:
    """The invitation is there to be opened."""
    for guild_id in list(discord.world.guilds):
        discord.world.remove_guild(guild_id)
    said = await ask(discord, redis_url)
    assert said.level("the bot is in no server") == "failure"
    invitation = f"https://discord.com/oauth2/authorize?client_id={BOT_ID}&scope=bot"
    assert invitation in said.advice("the bot is in no server")


async def test_a_server_that_the_bot_is_not_in(discord: Simulator, redis_url: str) -> None:
    """GUILD_IDS is compared with where it is."""
    said = await ask(discord, redis_url, GUILD_IDS=f"{FIRST_GUILDS[0]},816976062578688018")
    assert said.level("GUILD_IDS names 816976062578688018") == "failure"
    assert FIRST_GUILDS[0] not in said.printed


async def test_sessions_run_out(discord: Simulator, redis_url: str) -> None:
    """Few are a warning, too few for the shards a failure."""
    discord.options.session_starts = 1000
    discord.options.shards = 2
    said = await ask(discord, redis_url, SHARD_COUNT="1")
    assert said.level("SHARD_COUNT is 1, and Discord recommends 2") == "warning"
    discord.options.session_starts = 1
    assert (await ask(discord, redis_url)).level("1 of 1") == "failure"


async def test_discord_cannot_be_reached(discord: Simulator, redis_url: str) -> None:
    """It says so, and goes on with the rest."""
    said = await ask(discord, redis_url, DISCORD_API_URL=NOWHERE)
    assert said.level("Discord cannot be reached at DISCORD_API_URL") == "failure"
    assert said.level("Redis answers") == "ok"


@pytest.mark.parametrize(
    ("status", "says", "level"), [(503, "with status 503", "failure"), (429, "wait 7", "warning")]
)
async def test_discord_has_a_trouble_of_its_own(
    discord: Simulator, redis_url: str, status: int, says: str, level: str
) -> None:
    """That is nothing that a setting would mend."""
    discord.faults.add_rest(RestFault(prefix="/users/@me", status=status, retry_after=7.0))
    assert (await ask(discord, redis_url)).level(says) == level


async def test_somebody_else_answers(discord: Simulator, redis_url: str) -> None:
    """An address that leads to another server is told as that."""
    said = await ask(discord, redis_url, DISCORD_API_URL=f"{discord.url}/control/truth?x=")
    assert said.level("is not Discord") == "failure"


@pytest.mark.parametrize(
    ("date", "level", "says"),
    [
        ("Thu, 01 Jan 1970 00:16:41 GMT", "ok", "agrees"),
        ("Thu, 01 Jan 1970 00:17:00 GMT", "warning", "20 seconds behind"),
        ("Thu, 01 Jan 1970 00:06:40 GMT", "failure", "600 seconds ahead of"),
    ],
)
def test_a_clock_that_is_wrong(date: str, level: str, says: str) -> None:
    """By Discord's own, in seconds and the right way round."""
    found = clock.by_http("Discord's", date, now=1000.0)
    assert found is not None
    assert found.level == level
    assert says in found.what


def test_an_answer_without_a_date() -> None:
    assert clock.by_http("Discord's", "", now=1000.0) is None
