"""The control API: every verb, its errors, and reading back the truth."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulator import BOT_ID
from simulator.control import COMMANDS, field_of
from simulator.people import FIRST_GUILDS, FIRST_PERSON
from simulator.server import Simulator
from testing.eventually import PATIENCE
from tests.simulator.client import Post, connected, read_control

GUILD = FIRST_GUILDS[0]
NEWBIE = "574461543710720003"


async def test_the_list_names_every_verb_and_field(sim: Simulator) -> None:
    """``GET /control`` says what each verb does and takes."""
    verbs = await read_control(sim, "")
    assert verbs.keys() == COMMANDS.keys()
    assert verbs["set_presence"]["required"] == ["user_id"]
    assert "client_status" in verbs["set_presence"]["fields"]
    assert all(verb["does"] for verb in verbs.values())


def test_the_page_names_every_verb() -> None:
    """docs/simulator.md leaves no verb out."""
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()
    assert [name for name in COMMANDS if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("verb", "fields", "field"),
    [
        ("set_presence", {}, "user_id"),
        ("set_presence", {"user_id": 5}, "user_id"),
        ("set_presence", {"user_id": FIRST_PERSON, "status": "away"}, "status"),
        ("set_presence", {"user_id": FIRST_PERSON, "activities": [1]}, "activities[0]"),
        ("set_presence", {"user_id": "999999999999999999"}, "user_id"),
        ("set_presence", {"user_id": FIRST_PERSON, "mood": 1}, "mood"),
        ("add_member", {"guild_id": "999999999999999999", "user_id": BOT_ID}, "guild_id"),
        ("add_member", {"guild_id": GUILD}, "user_id"),
        ("add_member", {"guild_id": GUILD, "user": {"id": "x", "username": "x"}}, "user.id"),
        ("update_user", {"user_id": FIRST_PERSON, "fields": {"id": "1"}}, "fields.id"),
        ("update_user", {"user_id": FIRST_PERSON, "fields": {"username": 1}}, "username"),
        ("blast", {"events": 0}, "events"),
        ("drop", {"how": "gently"}, "how"),
        ("drop", {"code": 99}, "code"),
        ("rate", {}, "rate"),
        ("settings", {"options": {"port": 1}}, "options.port"),
        ("settings", {"options": {"rest_limit": -1}}, "rest_limit"),
        ("remove_guild", {"guild_id": "x"}, "guild_id"),
    ],
)
async def test_bad_input_names_the_field(post: Post, verb: str, fields: Any, field: str) -> None:
    """400 and the field at fault."""
    answer = await post(verb, **fields)
    assert answer["status"] == 400
    assert answer["ok"] is False
    assert answer["error"]["field"] == field
    assert answer["error"]["message"]


async def test_what_is_no_json_is_400(sim: Simulator) -> None:
    """A body that does not parse is told so."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{sim.url}/control/rate", data=b"{") as response,
    ):
        assert response.status == 400
        assert "not JSON" in (await response.json())["error"]["message"]


async def test_an_unknown_verb_is_404(post: Post) -> None:
    """And the answer lists those there are."""
    answer = await post("explode")
    assert answer["status"] == 404
    assert "set_presence" in answer["error"]["message"]


def test_fields_are_found_in_messages() -> None:
    """msgspec's wording, taken apart."""
    assert field_of("Object missing required field `user_id`") == "user_id"
    assert field_of("Object missing required field `id` - at `$.user`") == "user.id"
    assert field_of("Expected `str`, got `int` - at `$.activities[0]`") == "activities[0]"
    assert field_of("Expected `object`, got `int`") == ""


async def test_people_change_and_the_truth_follows(sim: Simulator, post: Post) -> None:
    """Presence, joining, names, nicks, leaving: each is in the truth at once."""
    activity = {"id": "x", "name": "Game", "type": 0}
    assert (await post("set_presence", user_id=FIRST_PERSON, status="dnd", activities=[activity]))[
        "events"
    ] == len(sim.world.person(FIRST_PERSON).guilds)
    truth = await read_control(sim, f"/truth/{FIRST_PERSON}")
    assert (truth["status"], truth["activities"]) == ("dnd", [activity])
    assert truth["client_status"] == {"desktop": "dnd"}
    user = {"id": NEWBIE, "username": "newbie"}
    assert (await post("add_member", guild_id=GUILD, user=user, nick="New"))["ok"]
    assert (await post("rename", user_id=NEWBIE, username="newer"))["ok"]
    assert (await post("update_user", user_id=NEWBIE, fields={"accent_color": 0}))["ok"]
    truth = await read_control(sim, f"/truth/{NEWBIE}")
    assert truth["user"]["username"] == "newer"
    assert truth["user"]["accent_color"] == 0
    assert truth["nicks"] == {GUILD: "New"}
    assert (await post("update_member", guild_id=GUILD, user_id=NEWBIE, fields={"nick": None}))[
        "ok"
    ]
    assert (await read_control(sim, f"/truth/{NEWBIE}"))["nicks"] == {GUILD: None}
    assert (await post("remove_member", guild_id=GUILD, user_id=NEWBIE))["ok"]
    assert (await read_control(sim, f"/truth/{NEWBIE}"))["guilds"] == []
    people = {member["user"]["id"] for member in (await read_control(sim, "/truth"))["members"]}
    assert people == set(sim.world.people)


async def test_guilds_come_and_go(sim: Simulator, post: Post) -> None:
    """Invitation with people, outage, return, removal."""
    async with connected(sim) as client:
        await client.start()
        added = await post("add_guild", name="New", members=3, user_ids=[FIRST_PERSON])
        created = await client.until("GUILD_CREATE")
        assert (created["id"], created["member_count"]) == (added["guild_id"], 5)
        await post("guild_available", guild_id=added["guild_id"], available=False)
        assert (await client.until("GUILD_DELETE"))["unavailable"] is True
        truth = await read_control(sim, "/truth")
        [outage] = [guild["id"] for guild in truth["guilds"] if not guild["available"]]
        assert outage == added["guild_id"]
        await post("guild_available", guild_id=added["guild_id"], available=True)
        assert (await client.until("GUILD_CREATE"))["unavailable"] is False
        await post("remove_guild", guild_id=added["guild_id"])
        assert await client.until("GUILD_DELETE") == {"id": added["guild_id"]}
        assert (await post("add_guild", guild_id=GUILD))["error"]["field"] == "guild_id"


async def test_a_blast_reaches_the_client(sim: Simulator, post: Post) -> None:
    """The answer says how many events there were; all of them arrive."""
    async with connected(sim, "zlib-stream") as client:
        await client.start()
        made = (await post("blast", events=500))["events"]
        assert made >= 500
        frames = await client.everything_so_far()
        assert len(frames) == made


async def test_the_rate_is_set(sim: Simulator, post: Post) -> None:
    """A number, or null for full speed."""
    await post("rate", rate=2.5)
    assert sim.options.rate == 2.5
    await post("rate", rate=0)
    assert (await read_control(sim, "/stats"))["rate"] == 0


async def test_raw_dispatches_arrive_as_they_are(sim: Simulator, post: Post) -> None:
    """Any t and any d, malformed too, whatever the intents; a guild's go to its shard."""
    async with connected(sim) as client:
        await client.start(intents=1)
        odd = [{"guild_id": 5}, [1, None], "text", None, {"user": {}, "guild_id": GUILD}]
        for d in odd:
            assert (await post("dispatch", t="PRESENCE_UPDATE", d=d))["sessions"] == 1
        got = [await client.until("PRESENCE_UPDATE") for _ in odd]
        assert got == odd
        assert (await post("dispatch", t=None, d={}))["sessions"] == 1
        assert (await client.receive())["t"] is None
        unknown = await post("dispatch", t="X", d=1, session_id="none")
        assert unknown["sessions"] == 0


async def test_odd_frames_arrive_as_they_are(sim: Simulator, post: Post) -> None:
    """Unknown opcodes, and text that is no JSON."""
    async with connected(sim) as client:
        await client.start()
        await post("frame", text='{"op":77,"d":{},"t":null,"s":null}')
        assert (await client.receive())["op"] == 77
        await post("frame", text="{no json")
        assert (await client.ws.receive(PATIENCE)).data == "{no json"
