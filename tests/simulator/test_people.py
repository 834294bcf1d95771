"""The population: repeatable, believable, quick."""

from collections import Counter

import msgspec

from simulator import BOT_ID
from simulator.people import FIRST_GUILDS, FIRST_PERSON, population, some_population
from simulator.snowflakes import created_ms, is_snowflake, shard_of

NOW = 1_784_053_200_000


def test_a_seed_repeats_itself() -> None:
    """The same seed gives byte for byte the same people and guilds; another does not."""
    one = msgspec.json.encode(population(300, 3, 7, NOW))
    assert one == msgspec.json.encode(population(300, 3, 7, NOW))
    assert one != msgspec.json.encode(population(300, 3, 8, NOW))


def test_twenty_thousand_people_are_all_different() -> None:
    """Each has an id and a username of their own."""
    people, guilds = population(20_000, 2, 1, NOW)
    ids = {person.user.id for person in people}
    assert len(ids) == len(people) == 20_001
    assert all(is_snowflake(user_id) for user_id in ids)
    assert len({person.user.username for person in people}) == len(people)
    assert sum(len(guild.members) for guild in guilds) > 20_000
    assert max(created_ms(user_id) for user_id in ids) < NOW


def test_people_are_believable() -> None:
    """Most are offline, few are bots, a tenth are in several guilds, all are in one."""
    people, guilds = population(5000, 5, 1, NOW)
    members = [person for person in people if person.user.id != BOT_ID]
    offline = sum(person.presence.status == "offline" for person in members)
    several = sum(len(person.guilds) > 1 for person in members)
    bots = sum(person.user.bot is True for person in members)
    assert 0.57 < offline / len(members) < 0.63
    assert 0.08 < several / len(members) < 0.12
    assert 0 < bots / len(members) < 0.02
    assert all(person.guilds for person in members)
    assert {17, 18, 19} == {len(person.user.id) for person in members}
    devices = Counter(d for person in members for d in person.presence.client_status)
    assert {"desktop", "mobile", "web", "embedded", "vr"} == set(devices)
    kinds = {a["type"] for person in members for a in person.presence.activities}
    assert kinds == {0, 1, 2, 3, 4, 5}
    assert all(BOT_ID in guild.members for guild in guilds)


def test_the_first_person_is_at_home() -> None:
    """robin is in the first guild for every seed, and the guild ids are the known ones."""
    for seed in range(20):
        people, guilds = population(3, 4, seed, NOW)
        assert [guild.id for guild in guilds[:2]] == list(FIRST_GUILDS)
        assert FIRST_PERSON in guilds[0].members
        assert people[1].user.username == "robin"


def test_guilds_spread_over_shards() -> None:
    """Many guilds reach every shard."""
    _, guilds = population(10, 64, 1, NOW)
    assert {shard_of(guild.id, 4) for guild in guilds} == {0, 1, 2, 3}


def test_presences_follow_the_status() -> None:
    """Offline means no devices and no activities; else each device has a status."""
    for person in some_population(500, NOW, 3):
        presence = person.presence
        if presence.status == "offline":
            assert (presence.activities, presence.client_status) == ([], {})
        else:
            assert set(presence.client_status.values()) == {presence.status}
