"""What a save costs Redis: update.lua, called as the gateway calls it for a batch, beside the two
commands that it cannot do without.

Both come pipelined from the same C client, as from redis-benchmark (which not every Redis brings).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from bench import people
from bench.child import ProcessFailed
from bench.figures import Figure, Series
from bench.harness import Harness, Redis
from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import SAVES_PER_CALL, Save, update_call

ROW = "saves"
PIPELINE = 100  # saves
UPDATE = Script("update.lua", of_cluster=False)
TRIED = 999_999  # a change that the load program does not come to


async def run(harness: Harness) -> list[Figure]:
    users = max(PIPELINE, harness.params.event_users)
    series = Series()
    async with harness.redis() as redis:
        await people.admit(redis.store, users)
        port = urlsplit(redis.url).port
        async with harness.program("redis_load", port) as load:
            ways = {
                "script": (SAVES_PER_CALL, 2, await _script(redis)),
                "commands": (1, 2, _commands()),
            }
            for _ in harness.rounds(series, "script", "commands"):
                for name, (each, replies, resp) in ways.items():
                    file = harness.folder / name
                    file.write_bytes(resp)
                    before = redis.cpu()
                    pipeline = PIPELINE // each
                    count = users // each // pipeline * pipeline
                    saves = count * each
                    await load.ask(f"{count} {pipeline} {replies} {saves} {each} {file}")
                    series.add(name, (redis.cpu() - before) / saves)
    return [
        Figure(
            row=ROW,
            name=f"a save of one of {users:,} users, CPU of Redis (floor: HSET, PUBLISH)",
            unit="µs",
            value=series["script"] * 1e6,
            floor=series["commands"] * 1e6,
        )
    ]


async def _script(redis: Redis) -> bytes:
    """As Store.save calls it. Raises ProcessFailed if update.lua refuses it: then nothing is saved,
    and the figure would be that of a refusal."""
    await redis.store.redis.script_load(UPDATE.text)
    fence = redis.store.clock.next()
    first = [people.FIRST + number for number in range(SAVES_PER_CALL)]
    names, tried = update_call([Save(one, people.fields(one, TRIED)) for one in first], fence)
    reply = await redis.store.redis.evalsha(UPDATE.sha, len(names), *names, *tried)
    if any(int(result) <= 0 for result in reply.split()):
        raise ProcessFailed(f"update.lua refuses what is measured: {reply}")
    names, measured = update_call([Save(one, people.fields(one, 0)) for one in first], fence)
    return resp("EVALSHA", UPDATE.sha, len(names), *names, *measured)


def _commands() -> bytes:
    """The hash is written and the change is told, without a look at what was there."""
    user = people.FIRST
    fields = people.fields(user, 0)
    values = ("profile", fields.profile, "presence", fields.presence, "discord", fields.discord)
    version = 1_750_873_861_045_123
    told = b'{"version":%d,"presence":%b}' % (version, fields.presence)
    return resp("HSET", keys.presence(user), "version", version, *values) + resp(
        "PUBLISH", keys.presence(user), told
    )


def resp(*words: str | bytes | int) -> bytes:
    """One command in Redis' own protocol."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(
        b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded
    )
