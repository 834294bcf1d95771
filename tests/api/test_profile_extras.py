"""GET /user/:userid completed by a profile source."""

from __future__ import annotations

import asyncio

from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import Badge, ConnectedAccount
from shared.profiles.sources.source import SourceFailed
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from tests.api.golden import BOT, RICH
from tests.api.http_client import ask
from tests.api.replica import serving
from tests.shared.profiles.scripted_source import ScriptedSource

EXTRAS = ProfileExtras(
    badges=[
        Badge("automod", "Uses AutoMod", "f2", "https://cdn.discordapp.com/badge-icons/f2.png")
    ],
    connected_accounts=[ConnectedAccount("github", "robin", "https://github.com/robin")],
    bio="Hëllo",
    accent_color=7,  # the gateway's own value has precedence
)

COMPLETED = (
    b'{"data":{"profile":{"bot":true,"device":"web","id":"970112316211200008",'
    b'"creation_date":"2022-05-01T00:00:00.000Z","username":"HelperBot",'
    b'"display_name":"HelperBot","link":"https://discord.com/users/970112316211200008",'
    b'"avatar":null,"avatar_image":"https://cdn.discordapp.com/embed/avatars/1.png",'
    b'"avatar_decoration_image":null,"nameplate_image":null,"badges":[{"id":"automod",'
    b'"description":"Uses AutoMod","asset":"f2",'
    b'"badge_image":"https://cdn.discordapp.com/badge-icons/f2.png"}],"clan":null,'
    b'"connected_accounts":[{"type":"github","name":"robin","link":"https://github.com/robin"}],'
    b'"devices":{"web":"online"},"public_flags":65536,"bio":"H\xc3\xabllo",'
    b'"banner_image":null,"accent_color":0,"kv":{},"pronouns":null,"links":[],"display_name_styles":null},'
    b'"status":"invisible","spotify":null,"activity":[],"custom_status":null,"listening":null},"success":true}'
)


async def test_extras_complete_the_profile(store: Store) -> None:
    """What the gateway leaves null or empty is filled in; its own values stay."""
    async with serving(store, source=ScriptedSource(EXTRAS)) as port:
        answer = await ask(port, f"/user/{BOT.user_id}")
    assert answer.body == COMPLETED


async def test_activity_requests_no_extras(store: Store) -> None:
    """Presence without the profile needs no source."""
    source = ScriptedSource(EXTRAS)
    async with serving(store, source=source) as port:
        assert (await ask(port, f"/activity/{BOT.user_id}")).body == BOT.activity
    assert source.asked == []


async def test_replicas_share_one_request(store: Store, redis_url: str) -> None:
    """Many requests at several replicas cause one request to the source."""
    source = ScriptedSource(EXTRAS)
    async with (
        Store.connect(redis_url, timeout=PATIENCE) as other_store,
        serving(store, source=source) as port,
        serving(other_store, source=source) as other,
    ):
        path = f"/user/{BOT.user_id}"
        answers = await asyncio.gather(*(ask(p, path) for p in [port, other] * 10))
    assert {answer.body for answer in answers} == {COMPLETED}
    assert len({answer.header("etag") for answer in answers}) == 1
    assert source.asked == [BOT.user_id]


async def test_a_failing_source_costs_only_the_extras(store: Store) -> None:
    """The response has what the gateway knows."""
    async with serving(store, source=ScriptedSource(SourceFailed("status 500"))) as port:
        assert (await ask(port, f"/user/{RICH.user_id}")).body == RICH.user


async def test_a_slow_source_costs_only_the_extras(store: Store) -> None:
    """The response is sent without extras, and a later one has them."""
    source = ScriptedSource(EXTRAS)
    source.gate.clear()
    path = f"/user/{BOT.user_id}"
    async with serving(store, source=source, reader_timeout_s=0.05) as port:
        assert (await ask(port, path)).body == BOT.user
        source.gate.set()

        async def completed() -> bool:
            return (await ask(port, path)).body == COMPLETED

        await eventually_async(completed)
    assert source.asked == [BOT.user_id]


async def test_no_request_for_unmonitored_users(store: Store) -> None:
    """An unmonitored id costs one read of Redis."""
    source = ScriptedSource(EXTRAS)
    async with serving(store, source=source) as port:
        assert (await ask(port, "/user/1274150219482660898")).status == 404
    assert source.asked == []
