"""Which activities go on, begin and end."""

from __future__ import annotations

from services.gateway.history.sessions import Observation, advance
from services.gateway.history.watch import Watched
from shared.model.history import HistoryEntry, shown
from shared.model.snapshot import Presence
from shared.model.user_settings import UserSettings
from shared.redis.history import StoredHistory
from tests.gateway.history.shown import CHESS, CODE, NOW, PLAYER, game, presence, song

RECENT = UserSettings(history="recent")
ALL_THE_TIME = Watched(0, 0)


class Person:
    """Remembers what is stored of one person."""

    def __init__(self, settings: UserSettings = RECENT) -> None:
        self.settings = settings
        self.stored = StoredHistory()
        self.writes = 0

    def sees(
        self,
        found: Presence | None,
        at: int,
        *,
        watched: Watched = ALL_THE_TIME,
        last_seen: int | None = None,
        version_ms: int = 0,
    ) -> None:
        new = Observation(
            version_ms=version_ms, at=at, watched=watched, last_seen=last_seen, presence=found
        )
        write = advance(self.stored, self.settings, new)
        if write is None:
            return
        assert write.revision == self.stored.revision
        self.writes += 1
        kept = [one for one in self.stored.ended if one not in write.removed]
        self.stored = StoredHistory(
            revision=self.stored.revision + 1,
            seen=write.seen,
            running=write.running,
            ended=(*reversed(write.ended), *kept),
        )

    @property
    def entries(self) -> tuple[HistoryEntry, ...]:
        sessions = [*self.stored.running, *self.stored.ended]
        return shown(self.settings, self.stored.seen, sessions, NOW).recent

    @property
    def times(self) -> list[tuple[str | None, int, int | None]]:
        return [(one.name, one.started_at - NOW, _since(one.ended_at)) for one in self.entries]

    @property
    def songs(self) -> list[tuple[str | None, int, int | None]]:
        return [(one.details, one.started_at - NOW, _since(one.ended_at)) for one in self.entries]


def _since(time_ms: int | None) -> int | None:
    return None if time_ms is None else time_ms - NOW


def test_an_activity_has_a_start_and_an_end() -> None:
    """While it is shown, it is the newest entry, without an end."""
    robin = Person()
    robin.sees(presence(game(start=NOW - 9)), NOW)
    assert robin.times == [("Chess", -9, None)]
    robin.sees(presence(), NOW + 60)
    assert robin.times == [("Chess", -9, 60)]
    [entry] = robin.entries
    assert (entry.kind, entry.image) == ("playing", "https://cdn.discordapp.com/a.png")


def test_details_change_within_a_session() -> None:
    """It stays one entry, with what was shown last, though the start is reported anew."""
    robin = Person()
    robin.sees(presence(game(details="Lobby", start=NOW - 9, created_at=NOW)), NOW)
    robin.sees(presence(game(details="Round 1", start=NOW + 50, created_at=NOW + 50)), NOW + 50)
    robin.sees(presence(), NOW + 90)
    assert robin.times == [("Chess", -9, 90)]
    assert robin.entries[0].details == "Round 1"


def test_each_song_is_an_entry() -> None:
    """Also of the same player. Seeking in a song begins no other one."""
    robin = Person()
    robin.sees(presence(heard=song("A", start=NOW)), NOW)
    robin.sees(presence(heard=song("A", start=NOW + 5000)), NOW + 10)
    robin.sees(presence(heard=song("B", start=NOW + 90)), NOW + 90)
    assert robin.songs == [("B", 90, None), ("A", 0, 90)]
    assert {one.kind for one in robin.entries} == {"listening"}
    assert robin.entries[0].state == "JBEE"


def test_songs_of_any_player_are_told_apart() -> None:
    """The activity from which `listening` was read is the song."""
    robin = Person()
    for number, title in enumerate(["A", "B"]):
        start = NOW + number
        heard = song(title, start=start, app="Tidal")
        activity = game(
            "Tidal", start=start, created_at=start, kind="Listening", application_id=PLAYER
        )
        robin.sees(presence(activity, game(), heard=heard), start)
    assert robin.songs == [("B", 1, None), (None, 0, None), ("A", 0, 1)]
    history = shown(RECENT, robin.stored.seen, [*robin.stored.running, *robin.stored.ended], NOW)
    assert history.last_played is not None
    assert (history.last_played.song, history.last_played.ended_at) == ("A", NOW + 1)


def test_what_ended_while_nobody_looked_ended_when_it_was_seen_last() -> None:
    """Not when the next process starts."""
    robin = Person()
    robin.sees(presence(game(start=NOW)), NOW)
    robin.sees(presence(), NOW + 900, watched=Watched(NOW + 800, NOW + 100))
    assert robin.times == [("Chess", 0, 100)]


def test_a_restart_in_a_session_is_one_entry() -> None:
    """The start that the application reports says so; another one is another session."""
    robin = Person()
    after = Watched(NOW + 800, NOW + 100)
    robin.sees(presence(game(start=NOW)), NOW)
    robin.sees(presence(game(start=NOW)), NOW + 900, watched=after)
    assert robin.times == [("Chess", 0, None)]
    robin.sees(presence(), NOW + 950, watched=after)
    assert robin.times == [("Chess", 0, 950)]

    wren = Person()
    wren.sees(presence(game(start=NOW)), NOW)
    wren.sees(presence(game(start=NOW + 700_000)), NOW + 900_000, watched=after)
    assert wren.times == [("Chess", 700_000, None), ("Chess", 0, 100)]


def test_an_activity_that_comes_back_goes_on() -> None:
    """After a moment in which a process had not heard of it yet."""
    robin = Person()
    robin.sees(presence(game(start=NOW)), NOW)
    robin.sees(presence(), NOW + 5)
    robin.sees(presence(game(start=NOW)), NOW + 6)
    assert robin.times == [("Chess", 0, None)]
    robin.sees(presence(), NOW + 9)
    robin.sees(presence(game(start=NOW + 8000)), NOW + 8000)
    assert robin.times == [("Chess", 8000, None), ("Chess", 0, 9)]


def test_an_unchanged_state_is_written_once() -> None:
    """And once after each break, which tells that it went on."""
    robin = Person()
    for at in range(3):
        robin.sees(presence(game(start=NOW)), NOW + at)
    assert robin.writes == 1
    for at in range(60, 63):
        robin.sees(presence(game(start=NOW)), NOW + at, watched=Watched(NOW + 50, NOW + 9))
    assert robin.writes == 2


def test_a_state_that_another_process_has_replaced_does_not_count() -> None:
    """Versions order what several processes have saved."""
    robin = Person()
    robin.sees(presence(), NOW + 9, version_ms=NOW + 9)
    robin.sees(presence(game()), NOW + 10, version_ms=NOW + 8)
    assert robin.entries == ()


def test_last_seen_is_what_is_shown() -> None:
    """It is forgotten when the person comes back."""
    robin = Person(UserSettings(history="last_seen"))
    robin.sees(presence(game()), NOW)
    robin.sees(presence(status="invisible"), NOW + 5, last_seen=NOW + 4)
    assert robin.stored.seen is not None
    assert (robin.stored.seen.is_online, robin.stored.seen.last_seen) == (False, NOW + 4)
    assert (robin.stored.running, robin.stored.ended) == ((), ())
    robin.sees(presence(), NOW + 6)
    assert robin.stored.seen.last_seen is None


def test_who_hides_was_seen_last_then() -> None:
    """What they did ends with it."""
    robin = Person()
    robin.sees(presence(game(start=NOW)), NOW)
    robin.sees(None, NOW + 5)
    assert robin.times == [("Chess", 0, 5)]
    assert robin.stored.seen is not None
    assert robin.stored.seen.last_seen == NOW + 5


def test_hidden_things_are_neither_recorded_nor_kept() -> None:
    """Also what was recorded before it was hidden."""
    robin = Person()
    robin.sees(presence(game(), game("Code", application_id=CODE), heard=song("A")), NOW)
    robin.sees(presence(game("Code", application_id=CODE), heard=song("A")), NOW + 5)
    robin.settings = UserSettings(
        history="recent", hide=("listening", "status"), hide_applications=(CHESS,)
    )
    robin.sees(presence(game("Code", application_id=CODE)), NOW + 9, last_seen=NOW)
    assert [one.name for one in robin.stored.running] == ["Code"]
    assert robin.stored.ended == ()
    assert robin.stored.seen is not None
    assert robin.stored.seen.last_seen is None


def test_times_of_applications_may_be_any() -> None:
    """A start in the future, or before all time, is not believed."""
    robin = Person()
    robin.sees(presence(game(start=1), game("Code", start=NOW * 2, created_at=NOW - 3)), NOW)
    assert robin.times == [("Chess", 0, None), ("Code", -3, None)]
    robin.sees(presence(), NOW - 50)  # a clock was set back
    assert {one.ended_at for one in robin.entries} == {NOW, NOW - 3}


def test_unknown_types_are_kept() -> None:
    """Discord may add one."""
    robin = Person()
    robin.sees(presence(game(kind=None)), NOW)
    assert robin.entries[0].kind == "other"
