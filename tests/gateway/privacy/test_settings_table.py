"""The table of settings: loaded whole, followed, and never going back.

Long because it follows settings, accounts and time, each of which may be late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from services.gateway.privacy.settings_table import (
    SPARE_PAUSES,
    Change,
    SettingsTable,
    TableTimings,
)
from services.gateway.state.user_cache import UserCache
from shared.model.connected_accounts import OwnConnection
from shared.model.snapshot import ConnectedAccount
from shared.model.user_settings import DEFAULTS, Consent, UserSettings
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.durable import DurableUnavailable
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import eventually
from tests.ended import ended
from tests.gateway.people_fixture import KnownPeople

ANNA, BOB, CARA = 161092844126208001, 161092844126208002, 161092844126208003
HIDDEN = UserSettings(visible=False)
QUICK = TableTimings(retry_s=0.001, max_wait_s=0.01)


class FakeStore(UserSettingsStore):
    """Settings in a dict, which can be away. `during_next` is called in the next load."""

    def __init__(self) -> None:
        self.stored: dict[int, UserSettings] = {}
        self.away = False
        self.during_next: Callable[[], None] | None = None

    async def get_many(self, user_ids: Sequence[int]) -> list[UserSettings]:
        found = [self.stored.get(one, DEFAULTS) for one in user_ids]
        if self.during_next is not None:
            self.during_next()
            self.during_next = None
        await asyncio.sleep(0)
        if self.away:
            raise DurableUnavailable("away")
        return found

    async def users(self) -> AsyncIterator[list[int]]:
        if self.away:
            raise DurableUnavailable("away")
        yield list(self.stored)


class FakeConnections(ConnectedAccountsStore):
    """Connections in a dict."""

    def __init__(self) -> None:
        self.stored: dict[int, list[OwnConnection]] = {}
        self.asked: list[int] = []

    async def get_many(self, user_ids: Sequence[int]) -> list[list[OwnConnection]]:
        self.asked += user_ids
        return [self.stored.get(one, []) for one in user_ids]


class Running:
    """A table that runs, and what it has applied."""

    def __init__(self, consent: Consent = "joining") -> None:
        self.store = FakeStore()
        self.now_ms = 1_000_000
        self.connections = FakeConnections()
        self.table = SettingsTable(
            self.store, self.connections, consent, QUICK, lambda: self.now_ms
        )
        self.changes: list[Change] = []

    async def run(self) -> None:
        await self.table.run(self.changes.append)

    def store_and_tell(self, user_id: int, settings: UserSettings) -> None:
        self.store.stored[user_id] = settings
        self.table.changed(user_id)


@asynccontextmanager
async def running(consent: Consent = "joining") -> AsyncIterator[Running]:
    fixture = Running(consent)
    task = asyncio.create_task(fixture.run())
    try:
        yield fixture
    finally:
        await ended(task)


async def test_all_settings_are_loaded_first() -> None:
    """Before, it is not known who hides what."""
    async with running() as fixture:
        table = fixture.table
        fixture.store.stored = {ANNA: HIDDEN, BOB: UserSettings(hide=("spotify",))}
        assert not table.is_loaded
        table.all_changed()
        await table.loaded()
        assert table.is_hidden(ANNA)
        assert not table.is_hidden(BOB)
        assert table.filter(ANNA) is None
        by = table.filter(BOB)
        assert by is not None
        assert by.fields == {"spotify"}
        assert (table.chosen(CARA), table.filter(CARA), table.is_hidden(CARA)) == (
            None,
            None,
            False,
        )


async def test_it_waits_for_the_durable_redis() -> None:
    """Nothing is known while it is away, and it is asked again."""
    async with running() as fixture:
        fixture.store.stored = {ANNA: HIDDEN}
        fixture.store.away = True
        fixture.table.all_changed()
        loaded = asyncio.create_task(fixture.table.loaded())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not loaded.done()
        fixture.store.away = False
        await loaded
        assert fixture.table.is_hidden(ANNA)


async def test_what_is_known_goes_on_while_redis_is_away() -> None:
    """A change that cannot be read is applied once it can."""
    async with running() as fixture:
        fixture.store.stored = {ANNA: HIDDEN}
        fixture.table.all_changed()
        await fixture.table.loaded()
        fixture.store.away = True
        fixture.store_and_tell(BOB, HIDDEN)
        for _ in range(20):
            await asyncio.sleep(0)
        assert fixture.table.is_hidden(ANNA)
        fixture.store.away = False
        await eventually(lambda: fixture.table.is_hidden(BOB))


async def test_a_change_is_applied_once() -> None:
    """With what it means; being told again changes nothing."""
    async with running() as fixture:
        fixture.store_and_tell(ANNA, HIDDEN)
        await eventually(lambda: fixture.changes)
        fixture.store_and_tell(ANNA, HIDDEN)
        fixture.store_and_tell(BOB, UserSettings(hide=("clan",)))
        await eventually(lambda: len(fixture.changes) == 2)
        fixture.store_and_tell(ANNA, DEFAULTS)
        await eventually(lambda: len(fixture.changes) == 3)
        assert fixture.changes == [
            Change(ANNA, was_hidden=False, is_hidden=True),
            Change(BOB, was_hidden=False, is_hidden=False),
            Change(ANNA, was_hidden=True, is_hidden=False),
        ]
        assert fixture.table.chosen(ANNA) is None


async def test_a_change_during_a_load_is_loaded_after_it() -> None:
    """What was read first may be older: nothing goes back."""
    async with running() as fixture:
        fixture.store.stored = {ANNA: DEFAULTS}
        fixture.store.during_next = lambda: fixture.store_and_tell(ANNA, HIDDEN)
        fixture.table.changed(ANNA)
        await eventually(lambda: fixture.table.is_hidden(ANNA))


async def test_everything_is_loaded_after_a_lost_connection() -> None:
    """Changes of that time were in no message, and neither were erasures."""
    async with running() as fixture:
        fixture.store.stored = {ANNA: HIDDEN}
        fixture.table.all_changed()
        await fixture.table.loaded()
        fixture.store.stored = {BOB: HIDDEN}
        fixture.table.all_changed()
        await eventually(lambda: fixture.table.is_hidden(BOB))
        assert not fixture.table.is_hidden(ANNA)


async def test_a_pause_ends_by_itself() -> None:
    """Also one that was made longer or shorter meanwhile."""
    async with running() as fixture:
        start = fixture.now_ms
        fixture.store_and_tell(ANNA, UserSettings(paused_until=start + 5_000))
        await eventually(lambda: fixture.table.is_hidden(ANNA))
        fixture.store_and_tell(ANNA, UserSettings(paused_until=start + 9_000))
        fixture.store_and_tell(BOB, UserSettings(paused_until=start + 7_000))
        await eventually(lambda: fixture.table.is_hidden(BOB))
        fixture.now_ms = start + 7_000
        await eventually(lambda: not fixture.table.is_hidden(BOB))
        assert fixture.table.is_hidden(ANNA)
        fixture.now_ms = start + 9_000
        await eventually(lambda: not fixture.table.is_hidden(ANNA))


async def test_a_pause_that_is_changed_again_and_again() -> None:
    """Takes no more memory than one that is not."""
    async with running() as fixture:
        for n in range(1, 2_000):
            settings = UserSettings(paused_until=fixture.now_ms + 60_000 - n)
            fixture.table._set(ANNA, settings, (), lambda _: None)
        assert len(fixture.table._pauses) <= SPARE_PAUSES + 2
        fixture.now_ms += 60_000 - 1_999
        await eventually(lambda: not fixture.table.is_hidden(ANNA))


async def test_with_consent_only_those_who_opted_in_are_shown() -> None:
    """CONSENT=asking."""
    async with running("asking") as fixture:
        fixture.store.stored = {ANNA: UserSettings(opted_in=True)}
        fixture.table.all_changed()
        await fixture.table.loaded()
        assert not fixture.table.is_hidden(ANNA)
        assert fixture.table.is_hidden(BOB)
        fixture.store_and_tell(BOB, UserSettings(opted_in=True))
        fixture.store_and_tell(ANNA, DEFAULTS)
        await eventually(lambda: not fixture.table.is_hidden(BOB))
        await eventually(lambda: fixture.table.is_hidden(ANNA))
        assert fixture.changes[1:] == [
            Change(BOB, was_hidden=True, is_hidden=False),
            Change(ANNA, was_hidden=False, is_hidden=True),
        ] or fixture.changes[1:] == [
            Change(ANNA, was_hidden=False, is_hidden=True),
            Change(BOB, was_hidden=True, is_hidden=False),
        ]


@pytest.mark.parametrize(("consent", "shown"), [("joining", 2), ("asking", 1)])
def test_hidden_people_are_not_counted(consent: Consent, shown: int) -> None:
    """Nor are people who have settings, and are in no server of this process."""
    people, users = KnownPeople(consent), UserCache()
    for user_id in (ANNA, BOB, CARA):
        users.add(user_id, {"username": "somebody"})
    people.choose(ANNA, HIDDEN)
    people.choose(BOB, UserSettings(opted_in=True, hide=("clan",)))
    people.choose(1, HIDDEN)
    people.choose(2, UserSettings(opted_in=True))
    assert people.count_shown(users) == shown


def test_it_is_known_of_whom_redis_lacks_something() -> None:
    """People with a bio alone are not among them; where everybody is asked it may be anybody."""
    people = KnownPeople()
    people.choose(ANNA, HIDDEN)
    people.choose(BOB, UserSettings(hide=("clan",)))
    people.choose(CARA, UserSettings(bio="Hi"))
    assert people.restricted() == {ANNA, BOB}
    assert KnownPeople("asking").restricted() is None


GITHUB = OwnConnection("github", "7", "anna", verified=True, visibility=1)
SHOWN = ConnectedAccount("github", "anna", "https://github.com/anna")
CHOOSES = UserSettings(connected_accounts=("github:7", "steam:1"))


async def test_accounts_that_are_chosen_are_loaded() -> None:
    """Those that may be shown; nothing is asked about people who have chosen none."""
    async with running() as fixture:
        fixture.store.stored = {ANNA: CHOOSES, BOB: UserSettings(bio="Hello")}
        fixture.connections.stored = {ANNA: [GITHUB], BOB: [GITHUB]}
        fixture.table.all_changed()
        await fixture.table.loaded()
        assert fixture.table.accounts(ANNA) == (SHOWN,)
        assert fixture.table.accounts(BOB) == ()
        assert fixture.connections.asked == [ANNA]


async def test_new_connections_are_a_change() -> None:
    """Discord may say at any time that an account is revoked, or that the consent has ended."""
    async with running() as fixture:
        fixture.connections.stored = {ANNA: [GITHUB]}
        fixture.store_and_tell(ANNA, CHOOSES)
        await eventually(lambda: fixture.table.accounts(ANNA) == (SHOWN,))
        fixture.changes.clear()
        fixture.connections.stored = {}
        fixture.table.changed(ANNA)
        await eventually(lambda: fixture.changes == [Change(ANNA, False, False)])
        assert fixture.table.accounts(ANNA) == ()


async def test_hidden_accounts_are_not_in_memory() -> None:
    """They are not even asked for."""
    async with running() as fixture:
        fixture.connections.stored = {ANNA: [GITHUB]}
        fixture.store_and_tell(ANNA, CHOOSES)
        await eventually(lambda: fixture.table.accounts(ANNA) == (SHOWN,))
        fixture.store_and_tell(ANNA, replace(CHOOSES, hide=("connected_accounts",)))
        await eventually(lambda: fixture.table.accounts(ANNA) == ())


async def test_accounts_stay_when_a_pause_ends() -> None:
    """Nothing is loaded for that."""
    async with running() as fixture:
        fixture.connections.stored = {ANNA: [GITHUB]}
        fixture.store_and_tell(ANNA, replace(CHOOSES, paused_until=fixture.now_ms + 5))
        await eventually(lambda: fixture.table.is_hidden(ANNA))
        fixture.now_ms += 10
        await eventually(lambda: not fixture.table.is_hidden(ANNA))
        assert fixture.table.accounts(ANNA) == (SHOWN,)
