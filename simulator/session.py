"""One gateway session: what it is owed and what it was sent, for as long as it lives.

A session outlives its connections. It keeps the last dispatches for a RESUME, bounded by
number and size; a session that would need more can no longer be resumed.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from simulator.dispatches import NEEDS, Dispatch
from simulator.protocol import Intent
from simulator.snowflakes import shard_of

# What was sent is kept for a resume up to this size: whole-guild dispatches are megabytes.
_KEPT_BYTES: Final = 32 << 20


class Session:
    """No I/O: a connection takes from :meth:`next` and is woken by ``wake``."""

    def __init__(
        self,
        session_id: str,
        *,
        intents: Intent,
        shard: tuple[int, int],
        large_threshold: int,
        capacity: int,
    ) -> None:
        self.id = session_id
        self.intents = intents
        self.shard = shard
        self.large_threshold = large_threshold
        self.seq = 0
        self.lost = False
        self.detached_at: float | None = None
        """Monotonic time since when no connection serves the session; None while one does."""
        self.wake: Callable[[], None] | None = None
        self._capacity = capacity
        self._unsent: deque[tuple[int, Dispatch]] = deque()
        self._sent: deque[tuple[int, Dispatch]] = deque()
        self._sent_bytes = 0

    @property
    def waiting(self) -> int:
        """How many dispatches the connection has not taken yet."""
        return len(self._unsent)

    def has_guild(self, guild_id: str | None) -> bool:
        """Whether the guild's events come to this shard; what has no guild goes to shard 0."""
        shard, count = self.shard
        return shard == (0 if guild_id is None else shard_of(guild_id, count))

    def wants(self, name: str, guild_id: str | None) -> bool:
        """Whether intents and shard let an event through."""
        needed = NEEDS.get(name, Intent.NONE)
        if self.lost or self.intents & needed != needed:
            return False
        return self.has_guild(guild_id)

    def offer(self, dispatch: Dispatch) -> None:
        """Owe the client this event."""
        if self.lost:
            return
        self.seq += 1
        self._unsent.append((self.seq, dispatch))
        if len(self._unsent) > self._capacity:
            self.lose()
        elif self.wake is not None:
            self.wake()

    def lose(self) -> None:
        """Discard everything: this session cannot be resumed."""
        self.lost = True
        self._unsent.clear()
        self._sent.clear()
        if self.wake is not None:
            self.wake()

    def next(self) -> bytes | None:
        """The next frame to send, None when there is none."""
        if not self._unsent:
            return None
        seq, dispatch = self._unsent.popleft()
        self._sent.append((seq, dispatch))
        self._sent_bytes += len(dispatch.body)
        while self._sent_bytes > _KEPT_BYTES or len(self._sent) > self._capacity:
            self._sent_bytes -= len(self._sent.popleft()[1].body)
        return dispatch.frame(seq)

    def rewind(self, seq: int) -> bool:
        """Owe again whatever came after ``seq``; False if some of it is no longer kept."""
        first = self._sent[0][0] if self._sent else self._first_unsent()
        if self.lost or seq + 1 < first:
            return False
        while self._sent and self._sent[-1][0] > seq:
            entry = self._sent.pop()
            self._sent_bytes -= len(entry[1].body)
            self._unsent.appendleft(entry)
        return True

    def _first_unsent(self) -> int:
        return self._unsent[0][0] if self._unsent else self.seq + 1
