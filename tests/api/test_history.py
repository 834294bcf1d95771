"""GET /history/:userid."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import msgspec
import pytest
from msgspec.structs import replace

from services.api.accounts.service import AccountService
from shared.config import ApiSettings
from shared.model.history import ActivitySession, Seen
from shared.model.snapshot import Presence
from shared.model.user_settings import HistoryLevel, UserSettings
from shared.redis.history import HistoryStore, HistoryWrite
from shared.redis.store import Fields, Save, Store
from shared.redis.user_settings import UserSettingsStore
from testing.free_port import free_port
from tests.api.golden import BOT, RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving

USER = RICH.user_id
PATH = f"/history/{USER}"
NOW = time.time_ns() // 1_000_000
GAME = ActivitySession(kind="playing", name="Chess", application_id="1" * 18, started_at=NOW - 9)
SONG = ActivitySession(
    kind="listening", name="Tidal", details="A", state="B", started_at=NOW - 99, ended_at=NOW - 9
)


@pytest.fixture
async def port(store: Store) -> AsyncIterator[int]:
    async with serving(store) as port:
        yield port


async def keep(store: Store, level: HistoryLevel) -> None:
    await UserSettingsStore(store).change(USER, lambda old: replace(old, history=level))
    write = HistoryWrite(
        revision=0, seen=Seen(at=NOW, last_seen=NOW - 5), running=(GAME,), ended=(SONG,)
    )
    assert (await HistoryStore(store).write_many({USER: write}))[USER]


async def show(store: Store, presence: Presence) -> None:
    fields = Fields(RICH.profile, msgspec.json.encode(presence), b"{}")
    await store.save([Save(USER, fields)])


def code_of(answer: Answer) -> object:
    return msgspec.json.decode(answer.body)["error"]["code"]


def invisible(**more: int | None) -> Presence:
    return Presence(
        status="invisible",
        spotify=None,
        activity=[],
        custom_status=None,
        **more,  # type: ignore[arg-type]
    )


async def test_what_is_kept_is_shown(port: int, store: Store) -> None:
    """The running one first, in the documented order of keys."""
    await keep(store, "recent")
    answer = await ask(port, PATH)
    assert answer.status == 200
    assert answer.body == (
        b'{"data":{"last_seen":null,"recent":['
        b'{"kind":"playing","name":"Chess","details":null,"state":null,"image":null,'
        b'"started_at":%d,"ended_at":null},'
        b'{"kind":"listening","name":"Tidal","details":"A","state":"B","image":null,'
        b'"started_at":%d,"ended_at":%d}]},"success":true}' % (NOW - 9, NOW - 99, NOW - 9)
    )
    again = await ask(port, PATH, f"If-None-Match: {answer.header('etag')}")
    assert (again.status, again.body) == (304, b"")
    assert answer.header("cache-control") == "no-cache"
    assert answer.header("access-control-allow-origin") == "*"
    head = await ask(port, PATH, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.header("etag") == answer.header("etag")


async def test_last_seen_is_that_of_the_presence(port: int, store: Store) -> None:
    """The history is some seconds older."""
    await keep(store, "last_seen")
    await show(store, invisible())
    kept = await ask(port, PATH)
    assert kept.body == b'{"data":{"last_seen":%d,"recent":[]},"success":true}' % (NOW - 5)
    await show(store, invisible(last_seen=NOW))
    newer = await ask(port, PATH)
    assert newer.body == b'{"data":{"last_seen":%d,"recent":[]},"success":true}' % NOW


async def test_people_who_keep_none(port: int, store: Store) -> None:
    """They are told apart from people who are not shown, as their presence is shown."""
    answer = await ask(port, PATH)
    assert (answer.status, code_of(answer)) == (404, "history_off")
    await keep(store, "recent")
    await UserSettingsStore(store).change(USER, lambda _: UserSettings())
    assert code_of(await ask(port, PATH)) == "history_off"
    assert code_of(await ask(port, f"/history/{BOT.user_id}")) == "history_off"


@pytest.mark.parametrize(
    ("path", "code"), [("1138383128625152999", "user_not_monitored"), ("12", "invalid_user_id")]
)
async def test_people_who_are_not_shown(port: int, path: str, code: str) -> None:
    """As everywhere."""
    assert code_of(await ask(port, f"/history/{path}")) == code


async def test_the_durable_redis_is_away(store: Store) -> None:
    """503, and people who are not shown are told apart by nothing else."""
    async with Store.connect(f"redis://127.0.0.1:{free_port()}/0") as away:
        accounts = AccountService(store, away, ApiSettings())
        async with serving(store, accounts=accounts) as port:
            answer = await ask(port, PATH)
            assert (answer.status, code_of(answer)) == (503, "unavailable")
            assert answer.header("retry-after")
            assert b"cannot be read right now" in answer.body
            assert b"changed" not in answer.body
            assert (await ask(port, "/history/1138383128625152999")).status == 404


async def test_a_key_that_watchers_have_stays(store: Store) -> None:
    """They merge frames: once shown, `last_seen` is null when it is not shown any more."""
    await show(store, invisible(last_seen=NOW))
    await show(store, invisible())
    found = await store.load(USER)
    assert found is not None
    assert found.presence.endswith(b',"listening":null,"last_seen":null}')
    assert (
        await store.save(
            [Save(USER, Fields(RICH.profile, msgspec.json.encode(invisible()), b"{}"))]
        )
    ) == [0]
