"""Token, intents, servers and sessions: each mistake is named, with its remedy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.doctor.discord import check_intent, check_token
from shared.discord.privileged_intents import PRESENCE_FLAGS
from simulator import BOT_ID, DEFAULT_TOKEN
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
        "CARDS_PORT": "0",
    }
    return await examined({**env, **more})


async def test_a_working_bot_passes(discord: Simulator, redis_url: str) -> None:
    """The report has its name, its servers with their members, and its sessions."""
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
        "started with Discord today: 1000 of 1000",
    ):
        assert said.level(words) == "ok"
    assert discord.token not in said.printed


async def test_a_token_that_was_reset_is_a_failure(discord: Simulator, redis_url: str) -> None:
    """Discord gets one request and no more: it bans an address for many refused ones."""
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
async def test_a_missing_intent_is_a_failure(
    discord: Simulator, redis_url: str, option: str, name: str
) -> None:
    """Only the missing one is named, with the place of its switch."""
    setattr(discord.options, option, False)
    said = await ask(discord, redis_url)
    assert said.status == 1
    assert said.level(f"the {name} is switched off") == "failure"
    assert "Privileged Gateway Intents" in said.advice("is switched off")
    assert said.printed.count("is switched on") == 1


@pytest.mark.parametrize(("users", "level"), [(7_999, "ok"), (8_000, "warning")])
def test_the_review_of_the_intents_is_announced(users: int, level: str) -> None:
    """In time: it takes weeks, and Discord asks for it from 10,000 users on."""
    finding = check_intent("Presence Intent", PRESENCE_FLAGS[1], PRESENCE_FLAGS, users)
    assert finding.level == level
    assert ("docs/privileged-intents.md" in finding.remedy) is (level == "warning")
    assert check_intent("Presence Intent", PRESENCE_FLAGS[0], PRESENCE_FLAGS, users).level == "ok"


async def test_a_bot_in_no_server_is_a_failure(discord: Simulator, redis_url: str) -> None:
    """The remedy is the link that invites the bot."""
    for guild_id in list(discord.world.guilds):
        discord.world.remove_guild(guild_id)
    said = await ask(discord, redis_url)
    assert said.level("the bot is in no server") == "failure"
    invitation = f"https://discord.com/oauth2/authorize?client_id={BOT_ID}&scope=bot"
    assert invitation in said.advice("the bot is in no server")


async def test_a_guild_id_without_the_bot_is_a_failure(discord: Simulator, redis_url: str) -> None:
    """Only the ids in GUILD_IDS that the bot has not joined are named."""
    said = await ask(discord, redis_url, GUILD_IDS=f"{FIRST_GUILDS[0]},816976062578688018")
    assert said.level("GUILD_IDS names 816976062578688018") == "failure"
    assert FIRST_GUILDS[0] not in said.printed


async def test_few_session_starts_are_reported(discord: Simulator, redis_url: str) -> None:
    """Too few shards are a warning, too few sessions for the shards a failure."""
    discord.options.session_starts = 1000
    discord.options.shards = 2
    said = await ask(discord, redis_url, SHARD_COUNT="1")
    assert said.level("SHARD_COUNT is 1, but Discord recommends 2") == "warning"
    discord.options.session_starts = 1
    assert (await ask(discord, redis_url)).level("1 of 1") == "failure"


async def test_an_unreachable_discord_is_a_failure(discord: Simulator, redis_url: str) -> None:
    """The other checks still run."""
    said = await ask(discord, redis_url, DISCORD_API_URL=NOWHERE)
    assert said.level("Discord cannot be reached at DISCORD_API_URL") == "failure"
    assert said.level("Redis answers") == "ok"


@pytest.mark.parametrize(
    ("status", "message", "level"),
    [(503, "with status 503", "failure"), (429, "wait 7", "warning")],
)
async def test_an_error_of_discord_itself_is_named(
    discord: Simulator, redis_url: str, status: int, message: str, level: str
) -> None:
    """No setting would fix it, so none is named."""
    discord.faults.add_rest(RestFault(prefix="/users/@me", status=status, retry_after=7.0))
    assert (await ask(discord, redis_url)).level(message) == level


async def test_another_server_at_discord_api_url_is_a_failure(
    discord: Simulator, redis_url: str
) -> None:
    """A URL that leads to some other server is recognized by its responses."""
    said = await ask(discord, redis_url, DISCORD_API_URL=f"{discord.url}/control/truth?x=")
    assert said.level("is not Discord") == "failure"


def test_a_bot_token_is_recognized_by_its_form() -> None:
    """It has three parts, and the first is the bot's id."""
    assert check_token(DEFAULT_TOKEN).level == "ok"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("", "is not set"),
        (f"Bot {DEFAULT_TOKEN}", "starts with the word 'Bot'"),
        (f'"{DEFAULT_TOKEN}"', "quotation marks"),
        (DEFAULT_TOKEN.replace(".", ". ", 1), "a space"),
        ("mfa.c1d2e3f4a5b6c7d8e9f0", "a user's token"),
        (BOT_ID, "an id"),
        ("0123456789abcdef" * 4, "public key"),
        ("aB3-" * 8, "client secret"),
        ("something", "three parts"),
        ("aGVsbG8.simulator.not-a-secret", "not a bot's id"),
    ],
)
def test_a_value_that_is_not_a_bot_token_is_explained(wrong: str, message: str) -> None:
    """The finding names the mistake and its remedy, and repeats nothing of the token."""
    found = check_token(wrong)
    assert found.level == "failure"
    assert message in found.message
    assert "Reset Token" in found.remedy
    assert not wrong or wrong not in found.message + found.remedy
