"""What is hidden and seen nevertheless is noticed; what a fault explains is not held against it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chaos.facts import Seen, Who
from chaos.fault_window import MACHINE, FaultWindow
from chaos.host_stalls import HostStalls
from chaos.privacy_check import (
    HISTORY,
    LAST_SEEN,
    NAMES,
    Choice,
    PrivacyCheck,
    fields_in,
    shown_in,
)
from shared.model.user_settings import HIDEABLE_FIELDS

ROBIN = "161092844126208001"
SEEN = Seen("online", ("Song", 1), (("Chess", "move 1", 1),), "#1")
WHO = Who(("robin", "Robin"), "web", (("web", "online"),))
HIDES_SONG = Choice(frozenset({"spotify"}))


def check(choice: Choice, *, hidden_at: float = 10.0) -> PrivacyCheck:
    found = PrivacyCheck()
    found.hides(ROBIN, choice, hidden_at)
    return found


@pytest.mark.parametrize(
    ("field", "choice"),
    [
        *((name, Choice(frozenset({name}))) for name in ("status", "device", "activities")),
        *((name, Choice(frozenset({name}))) for name in ("spotify", "custom_status")),
        ("visible", Choice(visible=False)),
    ],
)
def test_each_field_is_seen_by_each_reader(field: str, choice: Choice) -> None:
    """In an answer or a frame, and in bytes of Redis."""
    found = check(choice)
    found.look("a client", "ws-1", ROBIN, SEEN, WHO, 12.0)
    redis = [b'{"status":"online"}', b'"id":"spotify:1"', b'"details":"move 1"', b'"state":"#1"']
    if field != "device":
        found.look_at_bytes("a hash", ROBIN, redis, 12.0)
    leaks = found.leaks([])
    assert leaks
    assert all(f"{field} was seen 2.00 s after it was hidden" in words for words in leaks)
    assert len(leaks) == (1 if field == "device" else 2)


ANSWER = {
    "listening": {"song": "Song"},
    "last_seen": 1_750_874_008_612,
    "badges": [{}],
    "clan": {"tag": "CODE"},
    "connected_accounts": [{}],
    "avatar_decoration_image": "https://cdn.discordapp.com/a.png",
    "last_played": {"song": "Song"},
}
IN_REDIS = [
    b'"status":"online","device":"web","spotify":{"id":"spotify:1"},"listening":{"song":"Song"}',
    b'"details":"move 1","state":"#1","last_seen":1750874008612',
    b'"badges":[{"id":"a"}],"clan":{"tag":"CODE"},"connected_accounts":[{"type":"steam"}]',
    b'"avatar_decoration_image":"https://cdn.discordapp.com/a.png","ended_at":1750874008612',
]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "visible"])
def test_whatever_can_be_hidden_is_looked_for(name: str) -> None:
    """In answers and frames, and in Redis, which does not say by itself what a device is."""
    shows_past = Choice(history="off" if name in (LAST_SEEN, HISTORY) else "recent")
    found = check(replace(shows_past, hidden=frozenset({name} & {*HIDEABLE_FIELDS})))
    assert name in found.choices[ROBIN].names
    found.look("api", "api-1", ROBIN, SEEN, WHO, 12.0, shown=shown_in(ANSWER))
    found.look_at_bytes("a hash", ROBIN, IN_REDIS, 12.0)
    leaks = [words for words in found.leaks([]) if f": {name} was seen" in words]
    assert len(leaks) == (1 if name == "device" else 2)


def test_nothing_that_is_empty_is_a_leak() -> None:
    """As Grux shows what is hidden."""
    hidden = dict.fromkeys(ANSWER) | {"badges": [], "connected_accounts": []}
    assert shown_in(hidden) == set()
    text = (
        b'"listening":null,"badges":[],"clan":null,"avatar_decoration_image":null,"last_seen":null'
    )
    assert fields_in([text, b'"connected_accounts":[],"ended_at":null']) == set()


GAME = {"kind": "playing", "name": "Chess"}
SPOTIFY = {"kind": "listening", "name": "Spotify"}
OTHER_PLAYER = {"kind": "listening", "name": "foobar2000"}


@pytest.mark.parametrize(
    ("hidden", "entry", "is_leak"),
    [
        ("activities", GAME, True),
        ("activities", SPOTIFY, False),
        ("activities", OTHER_PLAYER, True),
        ("spotify", GAME, False),
        ("spotify", SPOTIFY, True),
        ("spotify", OTHER_PLAYER, False),
        ("listening", GAME, False),
        ("listening", SPOTIFY, True),
        ("listening", OTHER_PLAYER, True),
    ],
)
def test_a_history_shows_what_its_entries_are_of(
    hidden: str, entry: dict[str, str], is_leak: bool
) -> None:
    """Grux keeps what none of these fields hides (shared.model.history.is_shown)."""
    found = check(Choice(frozenset({hidden}), history="recent"))
    found.look_at_history("api-1", ROBIN, [entry], 12.0)
    assert [words.partition(": ")[2].split()[0] for words in found.leaks([])] == [hidden] * is_leak


def test_a_person_who_keeps_no_history_has_none() -> None:
    """Without an entry there is nothing to see."""
    found = check(Choice(history="last_seen"))
    found.look_at_history("api-1", ROBIN, [], 12.0)
    assert found.leaks([]) == []
    found.look_at_history("api-1", ROBIN, [GAME], 12.0)
    assert [words.partition(": ")[2].split()[0] for words in found.leaks([])] == ["history"]


def test_what_is_not_hidden_may_be_seen() -> None:
    """Everything but the song; and the song in the first second, or of someone else."""
    found = check(HIDES_SONG)
    found.look("a client", "ws-1", ROBIN, Seen("online", None, SEEN.activities, "#1"), WHO, 20.0)
    found.look("a client", "ws-1", ROBIN, SEEN, WHO, 10.9)
    found.look("a client", "ws-1", "1", SEEN, WHO, 20.0)
    assert found.leaks([]) == []
    assert found.looks == 2


def test_it_may_be_seen_from_the_moment_on_in_which_it_is_to_be_shown() -> None:
    """Before that change is known to be stored. What stays hidden counts from when it was."""
    found = check(Choice(frozenset({"spotify", "custom_status"})))
    found.may_show(ROBIN, Choice(frozenset({"custom_status"})))
    found.look("a client", "ws-1", ROBIN, SEEN, WHO, 12.0)
    assert [words.partition(": ")[2].split()[0] for words in found.leaks([])] == ["custom_status"]
    found.hides(ROBIN, Choice(frozenset({"custom_status", "spotify"})), 12.5)
    found.look("api", "api-1", ROBIN, SEEN, WHO, 13.0)
    assert sum("spotify" in words for words in found.leaks([])) == 0
    assert sum("custom_status was seen 3.00 s" in words for words in found.leaks([])) == 1


@pytest.mark.parametrize(
    ("window", "leaks"),
    [
        (FaultWindow("gateway", 10.5, 11.0, "process_killed"), 0),
        (FaultWindow("standby>durable", 10.5, 11.0, "link_cut"), 0),
        (FaultWindow("redis", 10.5, 11.0, "redis_killed"), 0),
        (FaultWindow("ws-1", 10.5, 11.0, "process_stopped"), 0),
        (FaultWindow(MACHINE, 10.0, 12.0), 0),
        (FaultWindow("ws-2", 10.5, 11.0, "process_stopped"), 1),
        (FaultWindow("profiles", 10.0, 12.0, "link_cut"), 1),
        (FaultWindow("gateway", 1.0, 2.0, "process_killed"), 1),
        (FaultWindow("gateway", 12.5, 13.0, "process_killed"), 1),
        (FaultWindow("redis", 1.0, 2.0, "redis_rolled_back"), 0),
    ],
)
def test_faults_on_the_way_explain_it(window: FaultWindow, leaks: int) -> None:
    """If they leave less than a second in which nothing was broken."""
    found = check(HIDES_SONG)
    found.look("a client", "ws-1", ROBIN, SEEN, WHO, 12.0)
    assert len(found.leaks([window])) == leaks


@pytest.mark.parametrize(
    ("window", "shards", "leaks"),
    [
        (FaultWindow("redis", 5.0, 5.0, "redis_emptied"), 2, 0),
        (FaultWindow("redis", 5.0, 5.0, "redis_emptied"), 1, 1),
        (FaultWindow("redis", 4.5, 5.0, "redis_paused"), 2, 1),
    ],
)
def test_a_redis_that_lost_all_gets_it_back_shard_by_shard(
    window: FaultWindow, shards: int, leaks: int
) -> None:
    found = check(HIDES_SONG)
    found.look("a client", "ws-1", ROBIN, SEEN, WHO, 15.0)
    assert len(found.leaks([window], shards=shards)) == leaks


def test_a_takeover_is_no_excuse_for_what_was_hidden_long_before() -> None:
    """The next gateway knows what people have chosen."""
    found = check(HIDES_SONG)
    found.look("a client", "ws-1", ROBIN, SEEN, WHO, 31.0)
    windows = [FaultWindow("gateway", 30.0, 30.5, "gateway_killed")]
    assert len(found.leaks(windows)) == 1


def test_overlapping_faults_count_once() -> None:
    """Half a second before them and half a second after them is not more than one."""
    found = check(HIDES_SONG)
    found.look("a client", "ws-1", ROBIN, SEEN, WHO, 18.0)
    windows = [FaultWindow("gateway", 10.5, 11.0), FaultWindow("redis", 10.6, 11.5)]
    assert found.leaks(windows) == []
    assert len(found.leaks(windows[:1])) == 1


def test_a_machine_that_is_always_late_leaves_no_second() -> None:
    """Sixty milliseconds of each hundred: of two seconds are left less than one."""
    found = check(HIDES_SONG)
    found.look("a client", "ws-1", ROBIN, SEEN, WHO, 12.0)
    machine = HostStalls()
    for number in range(20):
        machine.look(10.0 + number / 10, 10.11 + number / 10)
    assert machine.windows == []
    assert found.leaks(machine.delays) == []
    assert len(found.leaks(machine.delays[:9])) == 1


def test_traces_in_redis() -> None:
    """The names of fields are none."""
    assert fields_in([b'{"spotify":null,"custom_status":null,"status":"invisible"}']) == set()
    assert fields_in([b'"status":"idle"', b'"state":"#12"']) == {"status", "custom_status"}
