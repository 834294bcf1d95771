"""A user whose guilds belong to two processes costs what a user of one costs, while they agree."""

from __future__ import annotations

from typing import Any

from services.gateway.state.user_cache import CachedUser, Elsewhere, StoredUser
from shared.redis import keys, user_reports
from shared.redis.store import CONFLICT
from tests.gateway.gateway_fixture import member, online
from tests.gateway.test_shared_users import CUSTOM, GAME, NEW_GAME, USER, A, B, Process, Two, two

__all__ = ["two"]
ALONE = 6  # in a guild of the first process only


def cached(process: Process, user_id: int = USER) -> CachedUser:
    found = process.writing.users.get(user_id)
    assert found is not None
    return found


async def fields(two: Two, user_id: int) -> set[Any]:
    """What Redis stores of the user."""
    await two.shown()
    return set(await two.redis.hkeys(keys.presence(user_id)))


async def agree(two: Two, *activities: Any) -> None:
    """Both report it, and each process has merged what the other wrote."""
    for process in (two.a, two.b, two.a):
        process.show(*activities)
        await process.written()
    two.a.writing.writer.changed(USER)
    assert await two.shown() == ("online", list(activities))


async def test_nothing_more_is_stored(two: Two) -> None:
    two.a.list(GAME)
    guilds = two.a.writing.guilds
    guilds.begin_listing(A)
    guilds.list_members(A, [member(USER), member(ALONE)], [online(ALONE)])
    guilds.end_listing(A)
    two.b.list(GAME)
    await agree(two, NEW_GAME)
    assert await fields(two, USER) == await fields(two, ALONE)
    two.b.show(CUSTOM)
    assert await fields(two, USER) == await fields(two, ALONE) - {b"guilds"} | {b"reports"}
    await agree(two, CUSTOM)
    assert await fields(two, USER) == await fields(two, ALONE)


async def test_nothing_more_is_kept_but_where_the_user_is(two: Two) -> None:
    two.a.list(GAME)
    two.b.list(GAME)
    await agree(two, NEW_GAME)
    for process, other in ((two.a, B), (two.b, A)):
        user = cached(process)
        assert user.merged is None
        assert isinstance(user.elsewhere, Elsewhere)
        assert user.elsewhere.guilds == (other,)
        assert user.merged_from() == (2, user.elsewhere.version)


async def test_a_change_of_both_is_one_conflict(two: Two) -> None:
    """That of the process which hears of it last: it merges what the other has written."""
    two.a.list(GAME)
    two.b.list(GAME)
    await agree(two, GAME)
    results: list[int] = []
    for process in (two.a, two.b):
        store = process.writing.store
        save = store.save

        async def recorded(*of: Any, save: Any = save) -> list[int]:
            found: list[int] = await save(*of)
            results.extend(found)
            return found

        store.save = recorded  # type: ignore[method-assign, assignment]
    two.a.show(NEW_GAME)
    await two.a.written()
    two.b.show(NEW_GAME)
    assert await two.shown() == ("online", [NEW_GAME])
    assert [min(one, 1) for one in results] == [1, CONFLICT, 1]


async def test_a_guild_that_is_left_is_not_counted(two: Two) -> None:
    two.a.list(GAME)
    two.b.list(GAME)
    await agree(two, GAME)
    two.b.writing.guilds.remove_member(B, USER)
    await two.b.written()
    two.a.show(NEW_GAME)
    assert await two.shown() == ("online", [NEW_GAME])
    assert cached(two.a).elsewhere is None
    two.a.writing.guilds.remove_member(A, USER)
    assert await two.shown() is None


async def test_a_guild_that_is_taken_over_is_the_processs_own(two: Two) -> None:
    """It had reported the same. What the process says next of it is a change."""
    two.a.list(GAME)
    two.b.list(GAME)
    await agree(two, GAME)
    two.b.writing.gate.open = False
    two.a.writing.gate.known_generations = {(0, 2): "token", (1, 2): "token"}
    [stored] = await user_reports.load(two.a.writing.store, [USER])
    user = StoredUser(stored.discord or b"", stored.reports)
    two.a.writing.guilds.restore(B, {USER: user}, complete=True)
    for guild_id in (A, B):
        two.a.guild_id = guild_id
        two.a.show(NEW_GAME)
        assert await two.shown() == ("online", [NEW_GAME])
    assert set(cached(two.a).guilds) == {A, B}
    assert cached(two.a).merged is None
    assert cached(two.a).elsewhere is None
