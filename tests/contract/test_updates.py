"""Most saves take update.lua, the others save.lua: what Redis holds and publishes is the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import pytest

from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import (
    CONFLICT,
    LOST,
    NOT_MONITORED,
    STALE_WRITE,
    UNCHANGED,
    Fields,
    Save,
    Store,
    save_call,
)
from tests.contract.channel import NextMessage, messages_of
from tests.contract.conftest import Connect

USER, TWIN, GUILD, OTHER = 161092844126208001, 5, 816976062578688017, 492605905305600005
SHOWN: Final = ["profile", "presence", "discord", "reports", "hidden", "history"]
SAVE: Final = Script("save.lua", of_cluster=False)
REMOVE: Final = Script("presence_remove.lua", of_cluster=False)
STEPS: Final = 80  # of each seed
JUNK: Final = ("-5", "1e400", "", "9" * 30, "0x10", "nan")


def fields(presence: int = 1, profile: bytes = b'{"id":"1"}') -> Fields:
    return Fields(profile, b'{"status":"%d"}' % presence, b"{}")


def some_save(rng: random.Random, user_id: int) -> Save:
    """Mostly what is saved most, and everything else now and then."""

    def seldom(value: Any, otherwise: Any) -> Any:
        return value if rng.random() < 0.07 else otherwise

    last_seen = seldom(b',"last_seen":%d' % rng.randrange(3), b"")
    shown = Fields(
        profile=rng.choice((b"", b'{"id":"%d"}' % rng.randrange(3))),
        presence=b'{"status":"%d"%b}' % (rng.randrange(3), last_seen),
        discord=b'{"discord":%d}' % rng.randrange(2),
        reports=seldom(b'{"reports":1}', b""),
        hidden=seldom(b'["listening"]', b""),
        history=seldom(b'{"song":1}', b""),
    )
    return Save(
        user_id,
        seldom(None, shown),
        joined=seldom((GUILD,), seldom((OTHER,), ())),
        left=seldom((OTHER,), seldom((GUILD,), ())),
        received=rng.choice((0, 1_750_873_861_045_123)),
        considered=rng.choice((-1, 1, 1, 2)),
        base=seldom(7, 0),
    )


def damage(rng: random.Random, user_id: int) -> Sequence[Any]:
    """A command of other software."""
    presence = keys.presence(user_id)
    commands: Sequence[Sequence[Any]] = (
        ("HSET", presence, "profile", "text"),
        ("HSET", presence, "presence", "text"),
        ("HSET", presence, "version", rng.choice(JUNK)),
        ("HSET", presence, "fence", rng.choice(JUNK)),
        ("HDEL", presence, rng.choice(("version", "profile", "presence", "discord", "fence"))),
        ("DEL", presence),
        ("SET", presence, "text"),
        ("SET", keys.guilds(user_id), "text"),
    )
    return rng.choice(commands)


async def save_alone(store: Store, save: Save, fence: int) -> bytes:
    """By save.lua."""
    names, arguments = save_call([save], fence)
    reply: bytes = await store.run_script(SAVE, names, *arguments)
    return reply


async def held(store: Store, user_id: int) -> Any:
    if await store.redis.type(keys.presence(user_id)) != b"hash":
        return await store.redis.exists(keys.presence(user_id))
    return await store.redis.hmget(keys.presence(user_id), SHOWN)


async def until_the_end(following: NextMessage) -> list[Any]:
    messages = []
    while (message := await following()) != {"end": True}:
        assert message.pop("version") > 0
        messages.append(message)
    return messages


@pytest.mark.parametrize("seed", range(6))
async def test_both_scripts_save_the_same(store: Store, connect: Connect, seed: int) -> None:
    """A user and a twin get the same saves and the same damage, the twin by save.lua alone."""
    rng = random.Random(seed)
    fence = store.clock.next()
    outcomes = set()
    async with messages_of(connect, USER) as ours, messages_of(connect, TWIN) as twins:
        for step in range(STEPS):
            state = rng.getstate()
            results = []
            for user_id in (USER, TWIN):
                rng.setstate(state)
                if step and rng.random() < 0.08:
                    await store.redis.execute_command(*damage(rng, user_id))
                save = some_save(rng, user_id)
                save = msgspec.structs.replace(save, is_stored=step % 2 == 1)
                if not step:
                    save = Save(user_id, fields(), joined=(GUILD,))
                is_late = rng.random() < 0.1 and not (save.joined or save.left)
                number = fence if is_late else fence + step
                if user_id == USER:
                    [result] = await store.save([save], number)
                else:
                    result = int(await save_alone(store, save, number))
                    result = STALE_WRITE if result < LOST else result
                results.append(result)
            assert min(results[0], 1) == min(results[1], 1), step
            assert await held(store, USER) == await held(store, TWIN), step
            outcomes.add(min(results[0], 1))
        for user_id in (USER, TWIN):
            await store.redis.publish(keys.presence(user_id), b'{"end":true}')
        assert await until_the_end(ours) == await until_the_end(twins)
    assert {1, UNCHANGED, STALE_WRITE} <= outcomes


async def test_an_update_makes_earlier_saves_stale(store: Store) -> None:
    """Whichever script they take."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    early = store.clock.next()
    [version] = await store.save([Save(USER, fields(2))])
    assert version > 0
    for save in (
        Save(USER, fields(3)),
        Save(USER, fields(3), joined=(GUILD,)),
        Save(USER, left=(GUILD,)),
    ):
        assert await store.save([save], early) == [STALE_WRITE]
    found = await store.load(USER)
    assert found is not None
    assert found.presence == b'{"status":"2"}'


async def test_a_save_of_an_earlier_gateway_makes_others_stale(store: Store) -> None:
    """It left the fence in a key of its own, and none in the hash."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    early = store.clock.next()
    await store.redis.hdel(keys.presence(USER), "fence", "guilds")
    await store.redis.set(keys.fence(USER), store.clock.next())
    assert await store.save([Save(USER, fields(2))], early) == [STALE_WRITE]
    [version] = await store.save([Save(USER, fields(2))])
    assert version > 0
    [later] = await store.save([Save(USER, fields(3))])
    assert later > version


async def test_a_removed_user_is_not_brought_back_by_an_early_save(store: Store) -> None:
    """The fence is kept when the hash goes."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    early = store.clock.next()
    await store.save([Save(USER, fields(2))])
    await store.save([Save(USER, left=(GUILD,))])
    assert int(await save_alone(store, Save(USER, fields(3), joined=(GUILD,)), early)) < LOST
    assert await store.load(USER) is None


async def test_a_user_removed_without_a_gateway_is_not_updated(store: Store) -> None:
    """As after an erasure: nothing says any more that the user is in a server."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    await store.run_script(REMOVE, [keys.presence(USER), keys.guilds(USER), keys.profile(USER)])
    assert await store.save([Save(USER, fields(2))]) == [NOT_MONITORED]
    assert await store.load(USER) is None


async def test_an_update_counts_the_guilds_of_the_last_save(store: Store) -> None:
    """A process that does not know of a guild must not write over what it reports."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    assert (await store.save([Save(USER, fields(2), considered=1)]))[0] > 0
    await store.save([Save(USER, joined=(OTHER,))])
    assert await store.save([Save(USER, fields(3), considered=1)]) == [CONFLICT]
    assert (await store.save([Save(USER, fields(3), considered=2)]))[0] > 0
    await store.save([Save(USER, left=(OTHER,))])
    assert await store.save([Save(USER, fields(4), considered=2)]) == [CONFLICT]
    assert (await store.save([Save(USER, fields(4), considered=1)]))[0] > 0


@pytest.mark.parametrize("shown", [1, 2])
async def test_what_an_earlier_gateway_wrote_is_seen_by_the_first_save(
    store: Store, shown: int
) -> None:
    """After a downgrade: it leaves `guilds` in the hash as it was, whatever it writes. The first
    save may change nothing."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    await store.redis.hset(
        keys.presence(USER), mapping={"version": 5, "reports": b"{}", "hidden": b"[]"}
    )
    await store.redis.sadd(keys.guilds(USER), OTHER)
    for number in (shown, 3):
        save = Save(USER, fields(number), considered=1, is_first=number == shown)
        assert await store.save([save]) == [CONFLICT]
    both = Save(USER, fields(shown), considered=2, is_first=True)
    assert (await store.save([both]))[0] > 0
    assert await store.redis.hmget(keys.presence(USER), ["reports", "hidden"]) == [None, None]
    await store.redis.sadd(keys.guilds(USER), 7)
    await store.save([Save(USER, fields(shown), considered=3, is_first=True)])
    assert await store.save([Save(USER, fields(4), considered=2)]) == [CONFLICT]


async def test_a_save_that_changes_nothing_notes_what_an_earlier_gateway_has_kept(
    store: Store,
) -> None:
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    await store.redis.hset(keys.presence(USER), "history", b'{"song":1}')
    kept = Fields(b"", b'{"status":"1"}', b"{}", history=b'{"song":1}')
    assert await store.save([Save(USER, kept, considered=1)]) == [UNCHANGED]
    assert (await store.save([Save(USER, fields(2), considered=1)]))[0] > 0
    assert await store.redis.hget(keys.presence(USER), "history") is None


async def test_a_conflict_leaves_the_guilds_that_the_state_was_made_of(store: Store) -> None:
    """By them a process knows whether what is stored has a part of its own guild."""
    await store.save([Save(USER, fields(), joined=(GUILD,), considered=1)])
    moved = Save(USER, fields(2), joined=(OTHER,), left=(GUILD,), considered=3)
    assert await store.save([moved]) == [CONFLICT]
    assert await store.redis.smembers(keys.guilds(USER)) == {str(GUILD).encode()}
    again = Save(USER, fields(2), joined=(OTHER,), left=(GUILD,), considered=1)
    assert (await store.save([again]))[0] > 0
    assert await store.redis.smembers(keys.guilds(USER)) == {str(OTHER).encode()}
