"""A presence on its way from Discord to REST and WebSocket clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import msgspec
import pytest
import pytest_asyncio

from shared.model.snapshot import Presence, Profile
from simulator.model import User
from testing.eventually import eventually, eventually_async
from tests.e2e.stack import FIRST, ROBIN, SECOND, Stack, quiet, running

pytestmark = pytest.mark.asyncio(loop_scope="module")
JOINER, ONLINE_JOINER, OF_TWO, STRANGER = (f"113838312862515200{n}" for n in range(5, 9))
PLAYING = {
    "id": "5d44176e3524575c",
    "name": "Rocket League",
    "type": 0,
    "created_at": 1784053200000,
    "application_id": "356877880938070016",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stack() -> AsyncIterator[Stack]:
    """Shared by tests that change nothing permanently except Robin's name and presence."""
    async with running() as stack:
        yield stack


@pytest_asyncio.fixture(loop_scope="module")
async def stack(shared_stack: Stack) -> Stack:
    """Robin is online, and the api shows it."""
    shared_stack.simulator.world.set_presence(ROBIN, "online", [], {"web": "online"})
    await shared_stack.shows(ROBIN, lambda data: bool(data["status"] == "online"))
    return shared_stack


async def test_one_change_reaches_rest_and_socket(stack: Stack) -> None:
    """The shortest path: one user, one status, one GET, one WebSocket."""
    stack.simulator.world.set_presence(ROBIN, "idle", [], {"mobile": "idle"})
    data = await stack.shows(ROBIN, lambda data: bool(data["status"] == "idle"))
    msgspec.convert(data["profile"], Profile, strict=True)
    assert data["profile"]["device"] == "mobile"
    watcher = await stack.watch(ROBIN)
    first = await watcher.until(lambda frame: frame["op"] == "initial_data")
    assert first == {"op": "initial_data", "user_id": ROBIN, "d": data}
    stack.simulator.world.set_presence(ROBIN, "dnd", [PLAYING], {"desktop": "dnd"})
    update = await watcher.until(lambda frame: frame["op"] == "presence_update")
    msgspec.convert(update["d"], Presence, strict=True)
    assert update["d"]["activity"][0]["name"] == "Rocket League"
    profile = await watcher.until(lambda frame: frame["op"] == "profile_update")
    assert profile["d"]["profile"]["device"] == "desktop"
    assert (await stack.get(f"/activity/{ROBIN}"))[1]["data"]["status"] == "dnd"


async def test_a_join_is_shown_and_a_departure_removed(stack: Stack) -> None:
    """Immediately, over REST and WebSocket; the subscribed client is notified and closed."""
    assert (await stack.get(f"/user/{JOINER}"))[0] == 404
    world = stack.simulator.world
    world.add_member(FIRST, User(id=JOINER, username="newbie"))
    data = await stack.shows(JOINER, lambda data: True)
    assert data["status"] == "invisible"
    watcher = await stack.watch(JOINER)
    await watcher.until(lambda frame: frame["op"] == "initial_data")
    world.set_presence(JOINER, "online", [], {"web": "online"})
    await watcher.until(lambda frame: frame["d"].get("status") == "online")
    world.remove_member(FIRST, JOINER)
    await eventually(lambda: watcher.close_code)
    assert watcher.close_code == 4404
    assert watcher.frames[-1]["d"]["code"] == "user_not_monitored"
    await stack.not_monitored(JOINER)


async def test_a_member_who_joins_online_is_shown_online(stack: Stack) -> None:
    """GUILD_MEMBER_ADD has no presence, so the gateway requests it."""
    world = stack.simulator.world
    world.add_member(FIRST, User(id=ONLINE_JOINER, username="newbie"))
    world.set_presence(ONLINE_JOINER, "dnd", [], {"desktop": "dnd"})
    await stack.shows(ONLINE_JOINER, lambda data: bool(data["status"] == "dnd"))
    world.remove_member(FIRST, ONLINE_JOINER)
    await stack.not_monitored(ONLINE_JOINER)
    world.add_member(FIRST, ONLINE_JOINER)
    await stack.shows(ONLINE_JOINER, lambda data: bool(data["status"] == "dnd"))


async def test_rename_reaches_watchers_as_profile_update(stack: Stack) -> None:
    """A new name arrives without a new connection."""
    watcher = await stack.watch(ROBIN)
    await watcher.until(lambda frame: frame["op"] == "initial_data")
    stack.simulator.world.update_user(ROBIN, global_name="Robin the Second")
    frame = await watcher.until(lambda frame: frame["op"] == "profile_update")
    assert frame["d"]["profile"]["display_name"] == "Robin the Second"
    assert (await stack.get(f"/user/{ROBIN}"))[1]["data"]["profile"] == frame["d"]["profile"]


async def test_user_of_two_guilds_stays_until_both_are_left(stack: Stack) -> None:
    """A change, which Discord sends once per guild, is one frame."""
    world = stack.simulator.world
    for guild in (FIRST, SECOND):
        world.add_member(guild, User(id=OF_TWO, username="newbie") if guild == FIRST else OF_TWO)
    await stack.shows(OF_TWO, lambda data: True)
    watcher = await stack.watch(OF_TWO)
    await watcher.until(lambda frame: frame["op"] == "initial_data")
    for status in ("online", "idle", "dnd"):
        world.set_presence(OF_TWO, status, [], {"web": status})
        await watcher.until(lambda frame, now=status: frame["d"].get("status") == now)  # type: ignore[misc]
    statuses = [frame["d"]["status"] for frame in watcher.frames if "status" in frame["d"]]
    assert statuses == ["invisible", "online", "idle", "dnd"]
    world.remove_member(FIRST, OF_TWO)
    world.set_presence(OF_TWO, "online", [], {"web": "online"})
    await eventually(lambda: watcher.last(OF_TWO)["status"] == "online")
    world.remove_member(SECOND, OF_TWO)
    await stack.not_monitored(OF_TWO)


async def test_activity_without_art_gets_its_icon_a_moment_later(stack: Stack) -> None:
    """The presence is sent at once without the icon, then again with it."""
    watcher = await stack.watch(ROBIN)
    await watcher.until(lambda frame: frame["op"] == "initial_data")
    application = {**PLAYING, "application_id": "764429562019840003"}
    stack.simulator.world.set_presence(ROBIN, "online", [application], {"web": "online"})
    frame = await watcher.until(
        lambda frame: any(one["largeImage"] for one in frame["d"].get("activity", []))
    )
    icon = frame["d"]["activity"][0]["largeImage"]
    assert icon.startswith(f"{stack.simulator.cdn_url}/app-icons/764429562019840003/")


async def test_several_users_on_one_connection(stack: Stack) -> None:
    """Each has its own initial_data; an unknown user gets an error, and the others continue."""
    watcher = await stack.watch(ROBIN, STRANGER)
    await watcher.until(lambda frame: frame["op"] == "error" and frame["user_id"] == STRANGER)
    await watcher.until(lambda frame: frame["op"] == "initial_data")
    stack.simulator.world.set_presence(ROBIN, "idle", [], {"web": "idle"})
    await watcher.until(lambda frame: frame["d"].get("status") == "idle")


async def test_watching_goes_on_through_a_redis_restart(stack: Stack) -> None:
    """With or without data loss, the client stays connected and gets the current state."""
    watcher = await stack.watch(ROBIN)
    await watcher.until(lambda frame: frame["op"] == "initial_data")
    await stack.redis.kill()
    stack.simulator.world.set_presence(ROBIN, "idle", [], {"web": "idle"})
    await stack.processes["ws"].line_with("is lost")
    await eventually_async(partial(_is_unavailable, stack))
    await stack.redis.start()
    await watcher.until(lambda frame: frame["d"].get("status") == "idle")
    await stack.shows(ROBIN, lambda data: bool(data["status"] == "idle"))
    members = len(stack.member_ids())

    async def all_counted() -> bool:
        status, body = await stack.get("/")
        return status == 200 and body["data"]["monitored_user_count"] == members

    await eventually_async(all_counted)
    assert watcher.close_code is None


async def _is_unavailable(stack: Stack) -> bool:
    return (await stack.get(f"/user/{ROBIN}"))[0] == 503


async def test_every_process_ends_cleanly_on_sigterm() -> None:
    """The exit code is 0, and the client's close code says that the server restarts."""
    async with running() as stack:
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: frame["op"] == "initial_data")
        for process in stack.processes.values():
            assert await process.stop() == 0, process.lines
        await eventually(lambda: watcher.close_code)
        assert watcher.close_code == 1012


async def test_token_is_never_written() -> None:
    """Not even at LOG_LEVEL=DEBUG."""
    async with running(services=("gateway",), env={"LOG_LEVEL": "DEBUG"}) as stack:
        gateway = stack.processes["gateway"]
        await gateway.line_with("connected to Discord")
        assert stack.simulator.drop("rst") == 1
        await gateway.line_with("disconnected")
        assert not [line for line in gateway.lines if stack.simulator.token in line]
        assert quiet().token == stack.simulator.token
