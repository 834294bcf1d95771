"""What happens next, on a clock that the test turns."""

from collections import Counter
from typing import Any

import msgspec

from simulator.options import Options
from simulator.people import FIRST_PERSON, population
from simulator.scenario import Scenario
from simulator.server import Simulator
from simulator.world import World
from testing.eventually import eventually
from tests.simulator.client import connected, quiet

NOW = 1_784_053_200_000


class Diary:
    """An audience that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def tell(self, name: str, guild_id: str | None, d: object) -> None:
        self.heard.append((name, msgspec.to_builtins(d)))

    def tell_guild(self, guild: object, *, joined: bool) -> None:
        raise AssertionError("no guild comes or goes by itself")

    async def room(self) -> bool:
        return True


def story(steps: int, *, seed: int = 1, members: int = 150) -> tuple[World, Diary]:
    """So many changes, ten of them a second."""
    people, guilds = population(members, 2, seed, NOW)
    world = World(people, guilds)
    diary = Diary()
    world.audience = diary
    scenario = Scenario(world, Options(seed=seed, rate=10.0), NOW)
    for number in range(steps):
        scenario.step(NOW + number * 100)
    return world, diary


def test_a_seed_repeats_its_changes() -> None:
    """The same seed tells the same story, another a different one."""
    assert story(2000)[1].heard == story(2000)[1].heard
    assert story(200)[1].heard != story(200, seed=2)[1].heard


def test_a_scenario_has_every_kind_of_change() -> None:
    """People come, go, join, leave, take new names, hear songs that change."""
    world, diary = story(8000)
    names = Counter(name for name, _ in diary.heard)
    assert set(names) == {
        "PRESENCE_UPDATE",
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_REMOVE",
        "GUILD_MEMBER_UPDATE",
    }
    assert names["PRESENCE_UPDATE"] > 10 * names["GUILD_MEMBER_ADD"]
    songs: dict[str, set[str]] = {}
    for name, d in diary.heard:
        for activity in d["activities"] if name == "PRESENCE_UPDATE" else ():
            if activity["id"] == "spotify:1":
                songs.setdefault(d["user"]["id"], set()).add(activity["sync_id"])
    assert any(len(heard) > 2 for user_id, heard in songs.items() if user_id != FIRST_PERSON)
    present = [p for p in world.people.values() if p.presence.status != "offline"]
    assert 0.3 < len(present) / len(world.people) < 0.5


def test_songs_end() -> None:
    """Only the first user is left with a song that ended long ago."""
    world, _ = story(8000)
    end_of_story = NOW + 8000 * 100
    for user_id, person in world.people.items():
        for activity in person.presence.activities:
            if activity["id"] == "spotify:1" and person.guilds and user_id != FIRST_PERSON:
                assert activity["timestamps"]["end"] > end_of_story - 5000


def test_a_change_never_repeats_the_present_state() -> None:
    """An offline user does not go offline again."""
    _, diary = story(3000)
    last: dict[tuple[str, str], str] = {}
    for name, d in diary.heard:
        if name == "PRESENCE_UPDATE" and d["user"].keys() == {"id"}:
            place = (d["user"]["id"], d["guild_id"])
            assert not (d["status"] == "offline" == last.get(place))
            last[place] = d["status"]


def test_the_first_person_changes_every_few_seconds() -> None:
    """Songs, games with art, custom statuses in turn; robin never leaves."""
    world, diary = story(600)
    shown = [
        {activity["type"] for activity in d["activities"]}
        for name, d in diary.heard
        if name == "PRESENCE_UPDATE" and d["user"]["id"] == FIRST_PERSON
    ]
    changes = len(shown) / len(world.person(FIRST_PERSON).guilds)
    assert 14 <= changes <= 16
    assert {frozenset(kinds) for kinds in shown} == {
        frozenset({2}),
        frozenset({0}),
        frozenset({4}),
        frozenset({0, 2, 4}),
    }


async def test_the_rate_can_be_turned_up_and_off() -> None:
    """0 is silence; a rate is held; null is as fast as the client reads."""
    async with Simulator(quiet(members=100)) as sim, connected(sim, "zlib-stream") as client:
        await client.start()
        before = sim.world.changes
        sim.options.rate = None
        for _ in range(3000):
            await client.receive()
        sim.options.rate = 0.0
        assert sim.world.changes > before + 1000
        await client.everything_so_far()
        after = sim.world.changes
        await client.everything_so_far()
        assert sim.world.changes == after
        sim.options.rate = 200.0
        await eventually(lambda: sim.world.changes > after + 20)
