"""What profile sources said, in Redis, shared by all processes: read, claim, keep.

A claim is the right to ask the source about a user. One process at a time has it, so that a
thousand viewers in ten processes cost the source one question.

Nothing is written of a user whom nobody monitors any more: the save script has deleted what was
known of them, and an answer that comes late must not bring it back.
"""

from __future__ import annotations

import secrets
from enum import IntEnum
from typing import Final

import msgspec
from msgspec import Struct

from shared.model.profile_extras import ProfileExtras
from shared.redis import keys
from shared.redis.store import Store

FAILURE_TTL: Final = 15  # seconds: a source in trouble is left alone for so long, per user
CLAIM_TTL: Final = 12  # seconds: more than any question takes; a process that died blocks no longer
REFRESH_FROM: Final = 0.8  # of the TTL: from this age on an answer is asked for anew

# KEYS profile:{user} profile-lock:{user} guilds:{user}
# ARGV a name for the claim, its TTL in ms, the TTL in ms from which an answer needs no question
_CLAIM = """
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[3]) then return 0 end
if redis.call('EXISTS', KEYS[3]) == 0 then return 2 end
return redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
"""

# KEYS as above; ARGV the claim, the entry, its TTL in ms
_KEEP = """
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
"""

# KEYS and ARGV as above. What is still good stays; the claim stays too, so that nobody asks soon.
_KEEP_FAILURE = """
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3])
end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
"""

_RELEASE = "if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end"


class Claim(IntEnum):
    """What came of asking for the right to ask."""

    SETTLED = 0  # somebody else asks now, or has just asked
    OURS = 1
    NOT_MONITORED = 2  # nobody may ask about a stranger


class Entry(Struct, frozen=True):
    """One user's line in the cache."""

    facts: ProfileExtras | None  # None: the source failed


class Found(Struct, frozen=True):
    """An entry as read."""

    facts: ProfileExtras | None
    old: bool  # good still, but to be asked for anew


_decode = msgspec.json.Decoder(Entry).decode
_FAILURE = msgspec.json.encode(Entry(None))


class ProfileCache:
    """Every method raises StoreUnavailable."""

    def __init__(self, store: Store, ttl: int) -> None:
        """`ttl`: seconds that an answer is good for."""
        self._store = store
        self._ttl_ms = ttl * 1000
        self._failure_ttl_ms = min(FAILURE_TTL, ttl) * 1000
        self._old_below_ms = round(self._ttl_ms * (1 - REFRESH_FROM))
        self._name = secrets.token_hex(8)  # of this process's claims

    async def read(self, user_id: int) -> Found | None:
        """The user's entry, if there is one."""
        key = keys.profile(user_id)
        async with self._store.reachable():
            pipe = self._store.redis.pipeline(transaction=False)
            pipe.get(key)
            pipe.pttl(key)
            value, left_ms = await pipe.execute()
        if value is None:
            return None
        try:
            facts = _decode(value).facts
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Another version of Grux wrote it. Two versions that run side by side would ask the
            # source without end if each threw away what the other one has: it counts as a failure.
            return Found(None, old=False)
        return Found(facts, old=facts is not None and left_ms < self._old_below_ms)

    async def claim(self, user_id: int) -> Claim:
        """Ask for the right to ask about this user. OURS has to end in `keep…` or `release`."""
        claim_ms = CLAIM_TTL * 1000
        return Claim(await self._run(_CLAIM, user_id, claim_ms, self._old_below_ms))

    async def keep(self, user_id: int, facts: ProfileExtras) -> None:
        """Write down the source's answer and give the claim back."""
        await self._run(_KEEP, user_id, msgspec.json.encode(Entry(facts)), self._ttl_ms)

    async def keep_failure(self, user_id: int) -> None:
        """Write down that there is no answer, unless an older one is still good."""
        await self._run(_KEEP_FAILURE, user_id, _FAILURE, self._failure_ttl_ms)

    async def release(self, user_id: int) -> None:
        """Give the claim back without an answer: the next reader asks."""
        await self._run(_RELEASE, user_id)

    async def _run(self, script: str, user_id: int, *arguments: bytes | int) -> int:
        names = (keys.profile(user_id), keys.profile_lock(user_id), keys.guilds(user_id))
        async with self._store.reachable():
            result = await self._store.redis.eval(
                script, len(names), *names, self._name, *arguments
            )
        return int(result or 0)
