"""The sources `discord` and `upstream`, with a server on localhost."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec
import pytest

from shared.model.profile_extras import NOTHING, ProfileExtras
from shared.model.snapshot import Badge, Clan
from shared.profiles.sources.source import Source, SourceFailed, SourceStopped
from testing import samples
from testing.eventually import PATIENCE
from testing.logged import own_records
from tests.shared.profiles.profile_server import (
    ProfileServer,
    Reply,
    discord,
    json,
    open_upstream,
    upstream,
)

USER = 161092844126208001
OBJECT = {"id": str(USER), "accent_color": 0}
PROFILE = {"user": OBJECT, "user_profile": {"bio": "Hello"}}

Opening = Callable[[ProfileServer], AbstractAsyncContextManager[Source]]


@asynccontextmanager
async def asking(opening: Opening, reply: Reply) -> AsyncIterator[tuple[Source, ProfileServer]]:
    """A source with a server that always sends this reply."""
    server = ProfileServer(lambda _: reply)
    async with opening(server) as source:
        yield source, server


@pytest.fixture(params=[discord, upstream])
def opening(request: pytest.FixtureRequest) -> Opening:
    found: Opening = request.param
    return found


async def test_discord_is_asked_as_it_wants_to_be() -> None:
    """One GET of the user, with the bot's token and a User-Agent of the prescribed form."""
    async with asking(discord, json(OBJECT)) as (source, server):
        assert await source.fetch(USER) == ProfileExtras(accent_color=0)
    assert server.paths == [f"/users/{USER}"]
    assert server.headers[0]["Authorization"] == "Bot secret-token"
    assert server.headers[0]["Accept-Encoding"] == "identity"
    agent = server.headers[0]["User-Agent"]
    assert agent.startswith("DiscordBot (https://")
    assert agent.endswith(", 0.1.0)")


async def test_discord_tells_what_a_bot_may_know() -> None:
    """Banner, accent color, nameplate and server tag come out of a user object."""
    users = samples.users()
    found = {}
    for case in ("U04", "U08", "U10", "U11", "U12", "U13"):
        async with asking(discord, json(users[case])) as (source, _):
            found[case] = await source.fetch(int(users[case]["id"]))
    cdn = "https://cdn.discordapp.com"
    clan = Clan(
        "GRUX",
        "492605905305600005",
        "5a1c0e9d8b7f6a5e4d3c2b1a09f8e7d6",
        f"{cdn}/clan-badges/492605905305600005/5a1c0e9d8b7f6a5e4d3c2b1a09f8e7d6.png",
    )
    assert found == {
        "U04": ProfileExtras(
            banner_image=f"{cdn}/banners/574461543710720003/"
            "a_17a0757cf6121ccc07546de9bff3edb2.png?size=1024",
            accent_color=9437439,
        ),
        "U08": ProfileExtras(
            nameplate_image=f"{cdn}/assets/collectibles/nameplates/zodiac/virgo/static.png"
        ),
        "U10": ProfileExtras(clan=clan),
        "U11": NOTHING,
        "U12": NOTHING,
        "U13": ProfileExtras(clan=clan),
    }


async def test_upstream_is_asked_by_its_template() -> None:
    """The id replaces {user_id}, and the rest of the path stays as it is."""
    async with asking(upstream, json(PROFILE)) as (source, server):
        assert await source.fetch(USER) == ProfileExtras(accent_color=0, bio="Hello")
    assert server.paths == [f"/{USER}"]
    assert "Authorization" not in server.headers[0]


async def test_upstream_adds_what_no_bot_may_know() -> None:
    """Badges come in the server's order, with their images."""
    badge = {"id": "new", "description": "A new one", "icon": "f" * 64}
    async with asking(upstream, json({**PROFILE, "badges": [badge]})) as (source, _):
        extras = await source.fetch(USER)
    image = f"https://cdn.discordapp.com/badge-icons/{'f' * 64}.png"
    assert extras.badges == [Badge("new", "A new one", "f" * 64, image)]


async def test_an_unknown_user_is_nothing(opening: Opening) -> None:
    """404 is an answer: the source does not know this user."""
    async with asking(opening, json({"code": 10013}, status=404)) as (source, _):
        assert await source.fetch(USER) == NOTHING


async def test_discord_is_not_asked_again_after_401(caplog: pytest.LogCaptureFixture) -> None:
    """There are no more requests; the log names the setting, once, and never the token."""
    async with asking(discord, json({"message": "401: Unauthorized"}, status=401)) as asked:
        source, server = asked
        for _ in range(3):
            with pytest.raises(SourceStopped):
                await source.fetch(USER)
    assert len(server.paths) == 1
    [record] = own_records(caplog)
    assert "DISCORD_TOKEN" in record.getMessage()
    assert "secret-token" not in caplog.text


@pytest.mark.parametrize("status", [201, 204, 301, 302, 400, 403, 500, 502, 503])
async def test_any_other_status_is_a_failure(opening: Opening, status: int) -> None:
    """A redirect is not followed either: the token is meant for one server."""
    reply = status, {"Location": "/elsewhere"}, b""
    async with asking(opening, reply) as (source, server):
        with pytest.raises(SourceFailed, match=f"status {status}"):
            await source.fetch(USER)
    assert len(server.paths) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"id": "1610928',
        b"\xff\xfe",
        b'"\\ud800"',
        b"[" * 100_000,
        b"1e999",
        gzip.compress(msgspec.json.encode(PROFILE), mtime=0),
        b"null",
        b"[]",
        b"7",
        b"{}",
        b'{"id": "1"}',
        b'{"user": {"id": "1"}}',
        b'{"user": null}',
        b'{"message": "an error with status 200"}',
    ],
)
async def test_a_body_that_is_no_profile_is_a_failure(opening: Opening, body: bytes) -> None:
    """Neither broken JSON nor another user's profile is used."""
    async with asking(opening, (200, {}, body)) as (source, _):
        with pytest.raises(SourceFailed):
            await source.fetch(USER)


async def test_nothing_is_unpacked(opening: Opening) -> None:
    """A server that compresses its answer unasked cannot make a small body a big one."""
    body = gzip.compress(msgspec.json.encode({**PROFILE, **OBJECT}))
    async with asking(opening, (200, {"Content-Encoding": "gzip"}, body)) as (source, _):
        with pytest.raises(SourceFailed, match="not JSON"):
            await source.fetch(USER)


async def test_an_endless_body_is_a_failure(opening: Opening) -> None:
    """Reading stops at the limit."""
    body = b" " * (256 * 1024) + msgspec.json.encode(PROFILE)
    async with asking(opening, (200, {}, body)) as (source, _):
        with pytest.raises(SourceFailed, match="longer than 256 KiB"):
            await source.fetch(USER)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/{user_id}?key=secret", "http://[/{user_id}"])
async def test_a_server_that_is_not_there_is_a_failure(url: str) -> None:
    """The failure names no URL: it may contain a password."""
    async with open_upstream(url) as source:
        with pytest.raises(SourceFailed, match="cannot be reached") as failure:
            await source.fetch(USER)
    assert "secret" not in str(failure.value)
    assert "127.0.0.1" not in str(failure.value)


async def test_an_asker_may_give_up(opening: Opening) -> None:
    """A request that was cancelled does not block the next one."""
    async with asking(opening, json({**PROFILE, **OBJECT})) as (source, _):
        given_up = asyncio.create_task(source.fetch(USER))
        await asyncio.sleep(0)
        given_up.cancel()
        async with asyncio.timeout(PATIENCE):
            assert (await source.fetch(USER)).accent_color == 0
