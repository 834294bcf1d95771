"""GET /now-playing/:userid and its text."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.endpoints.now_playing import line_of
from services.api.middleware.response_cache import ResponseCache
from shared.model.snapshot import Listening, Presence, Timestamps
from shared.redis.store import Fields, Save, Store
from testing.eventually import eventually_async
from tests.api.golden import BOT, RICH
from tests.api.http_client import EXPOSED_HEADERS, ask
from tests.api.replica import serving, warm

JSON, TEXT = f"/now-playing/{RICH.user_id}", f"/now-playing/{RICH.user_id}.txt"
SILENT, SILENT_TEXT = f"/now-playing/{BOT.user_id}", f"/now-playing/{BOT.user_id}.txt"
SONG = Listening(
    app="TIDAL",
    application_id="938252894732288009",
    song="Harvest Moon",
    artist="Some Band",
    album="Album",
    album_image=None,
    link=None,
    timestamps=Timestamps(),
    created_at=1784053200000,
)


def like(**changes: str | None) -> Listening:
    return msgspec.structs.replace(SONG, **changes)


def saved(listening: Listening | None) -> Save:
    presence = Presence(
        status="online", spotify=None, activity=[], custom_status=None, listening=listening
    )
    return Save(RICH.user_id, Fields(RICH.profile, msgspec.json.encode(presence), b"{}"))


async def test_the_song_as_in_the_presence(port: int) -> None:
    """`listening` has the same bytes; the keys are in the documented order."""
    answer = await ask(port, JSON)
    heard = RICH.presence.partition(b'"listening":')[2][:-1]
    assert answer.body == b'{"data":{"listening":%b,"last_played":null},"success":true}' % heard
    assert answer.status == 200
    assert answer.header("content-type") == "application/json; charset=utf-8"


async def test_silence(port: int) -> None:
    """null, and an empty text."""
    answer = await ask(port, SILENT)
    assert answer.body == b'{"data":{"listening":null,"last_played":null},"success":true}'
    text = await ask(port, SILENT_TEXT)
    assert (text.status, text.body) == (200, b"")
    assert text.header("content-length") == "0"


async def test_the_text(port: int) -> None:
    """One line in UTF-8, with every header of a presence."""
    answer = await ask(port, TEXT)
    assert answer.status == 200
    assert answer.body == b"90mph by JBEE, Sillage"
    assert answer.headers == [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "22"),
        ("x-content-type-options", "nosniff"),
        ("etag", answer.header("etag")),
        ("cache-control", "no-cache"),
        ("access-control-allow-origin", "*"),
        ("access-control-expose-headers", EXPOSED_HEADERS),
        ("connection", "close"),
    ]


@pytest.mark.parametrize("path", [JSON, TEXT, SILENT, SILENT_TEXT])
async def test_an_unchanged_answer_is_not_sent_again(port: int, path: str) -> None:
    """304 for the tag, also of an empty text; other tags get the body."""
    first = await ask(port, path)
    tag = first.header("etag")
    assert tag
    again = await ask(port, path, f"If-None-Match: {tag}")
    assert (again.status, again.body, again.header("etag")) == (304, b"", tag)
    assert (await ask(port, path, 'If-None-Match: "other"')).body == first.body


@pytest.mark.parametrize("suffix", ["", ".txt"])
@pytest.mark.parametrize(
    ("user_id", "status", "code"),
    [
        ("161092844126208999", 404, "user_not_monitored"),
        ("robin", 400, "invalid_user_id"),
        ("1", 400, "invalid_user_id"),
        (f"{RICH.user_id}.json", 400, "invalid_user_id"),
    ],
)
async def test_errors(port: int, suffix: str, user_id: str, status: int, code: str) -> None:
    """As of the other presence routes, for the text too: a line may not be taken for a song."""
    answer = await ask(port, f"/now-playing/{user_id}{suffix}")
    assert answer.status == status
    assert msgspec.json.decode(answer.body)["error"]["code"] == code


async def test_a_presence_of_an_earlier_version(port: int, store: Store) -> None:
    """It has no `listening` yet: nothing plays, as far as is known."""
    presence = b'{"status":"online","spotify":null,"activity":[],"custom_status":null}'
    await store.save([Save(RICH.user_id, Fields(RICH.profile, presence, b"{}"))])
    assert (await ask(port, JSON)).body == (await ask(port, SILENT)).body
    assert (await ask(port, TEXT)).body == b""


async def test_a_damaged_song(port: int, store: Store) -> None:
    """503, as for every snapshot that other software has written over."""
    await store.redis.hset(f"presence:{{{RICH.user_id}}}", "presence", '{"listening":{"song":1}}')
    for path in (JSON, TEXT):
        answer = await ask(port, path)
        assert (answer.status, answer.header("retry-after")) == (503, "5")
        assert b"is damaged" in answer.body


async def test_answers_come_from_memory_until_the_song_changes(store: Store) -> None:
    """Both forms are dropped with the user's other answers."""
    cache = ResponseCache()
    async with serving(store, cache=cache) as port:
        await warm(port, cache, JSON, TEXT)
        before = (await store.redis.info("commandstats"))["cmdstat_hmget"]["calls"]
        for path in (JSON, TEXT):
            assert (await ask(port, path)).status == 200
        assert (await store.redis.info("commandstats"))["cmdstat_hmget"]["calls"] == before
        await store.save([saved(SONG)])

        async def changed() -> bool:
            return (await ask(port, TEXT)).body == b"Harvest Moon by Some Band"

        await eventually_async(changed)
        assert b'"song":"Harvest Moon"' in (await ask(port, JSON)).body


@pytest.mark.parametrize(
    ("heard", "line"),
    [
        (SONG, "Harvest Moon by Some Band"),
        (like(artist=None), "Harvest Moon"),
        (like(song=None), "Album by Some Band"),
        (like(song=None, album=None), "TIDAL by Some Band"),
        (like(song=None, album=None, app=None), "Some Band"),
        (like(song=None, album=None, app=None, artist=None), ""),
        (like(song="a\r\nb", artist="c\u2028d"), "a b by c d"),
        (like(song="\u202enooM", artist="\x00\x1b[31mBand"), "nooM by [31mBand"),
        (like(song="夜の図書館", artist="👩‍🚀 crew"), "夜の図書館 by 👩‍🚀 crew"),
        (like(song=" \t ", artist="Band"), "Album by Band"),
    ],
)
def test_lines(heard: Listening, line: str) -> None:
    """What is missing is left out, and what breaks or turns a line is a space."""
    assert line_of(heard) == line


@given(st.builds(like, song=st.text() | st.none(), artist=st.text() | st.none()))
def test_a_line_is_one_line(heard: Listening) -> None:
    """Whatever players send."""
    line = line_of(heard)
    assert line.splitlines() in ([], [line])
    assert line == line.strip()
