"""What the writer shows as `last_seen`, and what it leaves for the recorder."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET

from services.gateway.history.observations import Observations
from services.gateway.history.watch import Watch
from shared.model.history import ActivitySession, KeptSong, Seen, last_played
from shared.model.user_settings import DEFAULTS, UserSettings
from tests.gateway.history.shown import NOW, game, presence, song
from tests.gateway.history.test_watch import FakeShard
from tests.gateway.people_fixture import KnownPeople

ROBIN, WREN, GUILD = 1274150219482660897, 1274150219482660898, 816976062578688017
DAY = 86_400_000


class Desk:
    """Observations of people whose settings and whose time the test sets."""

    def __init__(self) -> None:
        self.people = KnownPeople()
        self.people.choose(ROBIN, UserSettings(history="recent"))
        self.now = NOW
        self.watch = Watch([FakeShard(0), FakeShard(1)])
        self.watch.tick(NOW)
        self.observations = Observations(self.people, self.watch, now_ms=lambda: self.now)

    def choose(self, settings: UserSettings) -> None:
        self.people.choose(ROBIN, settings)
        self.observations.settings_changed(ROBIN)

    def last_seen(self, status: str, at: int) -> object:
        self.now = at
        self.watch.tick(at)
        return self.observations.last_seen(ROBIN, status, [GUILD])  # type: ignore[arg-type]

    def saved(self, version: int = 0) -> None:
        shown = msgspec.json.encode(presence(game()))
        self.observations.saved(ROBIN, shown, [GUILD], version=version, received_us=self.now * 1000)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_only_people_who_keep_a_history_have_the_key(desk: Desk) -> None:
    """Of all others it is left out."""
    assert desk.observations.last_seen(WREN, "online", [GUILD]) is UNSET
    assert desk.last_seen("online", NOW) is None
    desk.choose(DEFAULTS)
    assert desk.last_seen("online", NOW) is UNSET


def test_it_is_the_time_at_which_they_became_invisible(desk: Desk) -> None:
    """It stays while they are, and is null before and after."""
    assert desk.last_seen("invisible", NOW) is None  # since when, was not seen
    assert desk.last_seen("dnd", NOW + 1) is None
    assert desk.last_seen("invisible", NOW + 2) == NOW + 2
    assert desk.last_seen("invisible", NOW + 3) == NOW + 2
    assert desk.last_seen("online", NOW + 4) is None


def test_it_survives_the_process(desk: Desk) -> None:
    """Also of a person who left while no process looked: the time at which one looked last."""
    desk.observations.restored(ROBIN, Seen(at=NOW - 9, is_online=True))
    assert desk.last_seen("invisible", NOW + 5) == NOW - 9
    desk.observations.restored(ROBIN, Seen(at=NOW - 5))  # older than what is known here
    assert desk.last_seen("invisible", NOW + 6) == NOW - 9
    desk.observations.restored(ROBIN, Seen(at=NOW + 9, last_seen=NOW + 8))
    assert desk.last_seen("invisible", NOW + 10) == NOW + 8


def test_what_another_process_shows_is_shown_on(desk: Desk) -> None:
    """Both see the same person leave, at times that differ a little."""
    desk.last_seen("online", NOW)
    desk.observations.adopt(ROBIN, NOW + 4)
    assert desk.last_seen("invisible", NOW + 5) == NOW + 4
    desk.observations.adopt(WREN, NOW)
    desk.observations.adopt(ROBIN, None)
    assert desk.last_seen("invisible", NOW + 5) == NOW + 4


def test_who_hides_the_status_is_not_seen(desk: Desk) -> None:
    """Then it is not known, also not afterwards."""
    desk.last_seen("online", NOW)
    desk.choose(UserSettings(history="recent", hide=("status",)))
    assert desk.last_seen("invisible", NOW + 5) is None
    desk.choose(UserSettings(history="recent"))
    assert desk.last_seen("invisible", NOW + 6) is None


def test_it_is_forgotten_in_time(desk: Desk) -> None:
    """After HISTORY_DAYS."""
    desk.last_seen("online", NOW)
    assert desk.last_seen("invisible", NOW + 1) == NOW + 1
    assert desk.last_seen("invisible", NOW + 31 * DAY) is None


def test_the_newest_state_waits(desk: Desk) -> None:
    """Once for each person. What was recorded is not recorded again."""
    desk.last_seen("online", NOW)
    desk.saved(version=NOW * 1000)
    desk.saved()
    assert len(desk.observations) == 1
    taken = desk.observations.take(10)
    assert taken[ROBIN].presence == presence(game())
    desk.saved()
    assert len(desk.observations) == 0
    desk.observations.put_back(ROBIN, taken[ROBIN])
    assert desk.observations.take(10) == taken
    desk.observations.settings_changed(ROBIN)
    desk.saved()
    assert len(desk.observations) == 1
    desk.observations.put_back(ROBIN, taken[ROBIN])
    assert len(desk.observations) == 1


def test_what_was_recorded_and_is_back_replaces_what_waits(desk: Desk) -> None:
    """The person was away for less than the recorder takes to write."""
    desk.last_seen("online", NOW)
    desk.saved(version=NOW * 1000)
    desk.observations.take(10)
    desk.observations.saved(ROBIN, b"{}", [GUILD], version=1, received_us=NOW * 1000)
    desk.saved()
    assert desk.observations.take(10)[ROBIN].presence == presence(game())
    desk.observations.withdrawn(ROBIN, [GUILD])
    desk.saved()
    assert desk.observations.take(10)[ROBIN].presence == presence(game())


def test_who_hides_is_seen_no_more(desk: Desk) -> None:
    """That is recorded, and is when they were seen last."""
    desk.last_seen("online", NOW)
    desk.now = NOW + 5
    desk.observations.withdrawn(ROBIN, [GUILD])
    desk.observations.withdrawn(WREN, [GUILD])
    taken = desk.observations.take(10)
    assert list(taken) == [ROBIN]
    assert (taken[ROBIN].presence, taken[ROBIN].last_seen) == (None, NOW + 5)
    assert desk.last_seen("invisible", NOW + 9) == NOW + 5


def test_nothing_waits_of_people_who_switch_it_off(desk: Desk) -> None:
    """Also what could not be recorded before."""
    desk.last_seen("online", NOW)
    desk.saved()
    taken = desk.observations.take(1)
    desk.saved()
    desk.choose(DEFAULTS)
    desk.observations.put_back(ROBIN, taken[ROBIN])
    assert len(desk.observations) == 0


def heard(title: str, *, ended_at: int = NOW) -> ActivitySession:
    return ActivitySession(
        kind="listening",
        name="Spotify",
        started_at=NOW - 9,
        ended_at=ended_at,
        heard=song(title),
        is_spotify=True,
    )


def test_pictures_are_told_of_the_last_song(desk: Desk) -> None:
    """Of people who keep their activities; of those who keep less, that there is none."""
    session = heard("A")
    assert desk.observations.kept_song(WREN) == b""
    assert desk.observations.kept_song(ROBIN) == b"{}"
    assert desk.observations.recorded_song(ROBIN, session)
    assert not desk.observations.recorded_song(ROBIN, session)
    told = msgspec.json.decode(desk.observations.kept_song(ROBIN), type=KeptSong)
    until = NOW + 30 * DAY
    assert told == KeptSong(song=last_played(session), is_spotify=True, until=until)
    desk.now = until - 1
    assert desk.observations.kept_song(ROBIN) != b"{}"
    desk.now = until
    assert desk.observations.kept_song(ROBIN) == b"{}"
    desk.people.choose(ROBIN, DEFAULTS)
    assert desk.observations.kept_song(ROBIN) == b""


@pytest.mark.parametrize(
    "settings",
    [
        UserSettings(history="last_seen"),
        UserSettings(history="recent", hide=("spotify",)),
        UserSettings(history="recent", hide=("listening",)),
    ],
)
def test_a_song_that_is_hidden_is_not_told(desk: Desk, settings: UserSettings) -> None:
    """From the moment on in which the settings are known."""
    desk.observations.recorded_song(ROBIN, heard("A"))
    desk.people.choose(ROBIN, settings)
    assert desk.observations.kept_song(ROBIN) == b"{}"


def test_a_change_of_settings_may_have_erased_the_song(desk: Desk) -> None:
    """It is told again when it has been read again."""
    desk.observations.recorded_song(ROBIN, heard("A"))
    desk.choose(UserSettings(history="recent", hide=("clan",)))
    assert desk.observations.kept_song(ROBIN) == b"{}"
    assert desk.observations.recorded_song(ROBIN, heard("A"))
    assert desk.observations.kept_song(ROBIN) != b"{}"


def test_what_is_recorded_is_newer_than_what_was_restored(desk: Desk) -> None:
    """The process reads all histories once more for each shard that it gets."""
    desk.observations.restored_song(ROBIN, heard("A"))
    desk.observations.recorded_song(ROBIN, heard("B"))
    desk.observations.restored_song(ROBIN, heard("A"))
    assert desk.observations.song(ROBIN) == heard("B")
    desk.observations.restored_song(WREN, heard("A"))
    assert desk.observations.song(WREN) is None
