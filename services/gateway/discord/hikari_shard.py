"""hikari's shard, which also tells how each connection to Discord began and why it ended.

hikari reconnects by itself and says why in its log alone. One that never comes to begin, as Discord
says nothing by it, would have no end there: here it has. Discord docs: Gateway, Disconnecting;
Opcodes and Status Codes.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import hikari
from hikari.impl import GatewayShardImpl

from services.gateway import metrics

log = logging.getLogger(__name__)

DISPATCH: Final = 0
RECONNECT: Final = 7
INVALID_SESSION: Final = 9

SILENT_FOR: Final = 30.0  # seconds without an event in which a session neither begins nor goes on

HEARTBEAT: Final = "heartbeat"
NETWORK: Final = "network"
PROTOCOL: Final = "protocol"
FAILED: Final = "failed"
_CODES: Final = frozenset({1000, 1001, 1006, 1011, 1012, *range(4000, 4015)})

CAUSES: Final = {
    "op_7": "Discord asked for a reconnect (opcode 7)",
    "op_9": "Discord ended the session (opcode 9)",
    HEARTBEAT: "Discord did not answer a heartbeat",
    NETWORK: "the connection broke, or there was none",
    PROTOCOL: "Discord said what hikari does not understand",
    FAILED: "a failure here",
}

for _how in ("identified", "resumed"):
    metrics.CONNECTS.labels(_how)
for _cause in CAUSES:
    metrics.DISCONNECTS.labels(_cause)


class InstrumentedShard(GatewayShardImpl):
    """Counts in `metrics`, and writes a line when Discord is there and when it is lost.

    A connection by which no session begins or goes on is given up, with all that hikari has of it.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._given_loads = given["loads"]
        self._loads = self._read
        self._told = 0  # the opcode by which Discord ended this connection
        self._ended = False
        self._stood = False
        self._silence: asyncio.Timeout | None = None  # while it connects
        self._sides: set[asyncio.Task[Any]] = set()  # that hikari has of this connection

    async def _connect(self) -> Any:
        self._told, self._ended, self._stood = 0, False, False
        how = "identified" if self._seq is None else "resumed"
        try:
            async with asyncio.timeout(SILENT_FOR) as self._silence:
                tasks = await super()._connect()
        except BaseException as error:
            for side in self._sides:  # hikari has no hold of them before this returns
                side.cancel()
            if isinstance(error, Exception):
                self._end(cause_of(error))
            if isinstance(error, TimeoutError):
                raise hikari.GatewayConnectionError("Discord says nothing") from None
            raise
        finally:
            self._silence = None
            self._sides.clear()
        if self.is_connected:
            self._stood = True
            metrics.CONNECTS.labels(how).inc()
            log.info("shard %d of %d is connected to Discord (%s)", self.id, self.shard_count, how)
        elif not tasks:
            self._end(f"op_{RECONNECT}")
        return tasks

    async def _poll_events(self) -> None:
        self._is_side()
        try:
            await super()._poll_events()
        except Exception as error:
            self._end(cause_of(error))
            raise
        self._end(f"op_{self._told}")

    async def _heartbeat(self, heartbeat_interval: float) -> None:
        self._is_side()
        try:
            await super()._heartbeat(heartbeat_interval)
        except Exception as error:
            self._end(cause_of(error))
            raise
        self._end(HEARTBEAT)

    def _read(self, payload: bytes | str) -> Any:
        message = self._given_loads(payload)
        op = message.get("op") if isinstance(message, dict) else None
        if op in (RECONNECT, INVALID_SESSION):
            self._told = op
        silence = self._silence
        if op == DISPATCH and silence is not None and not silence.expired():
            # A replay may be long.
            silence.reschedule(asyncio.get_running_loop().time() + SILENT_FOR)
        return message

    def _is_side(self) -> None:
        if self._silence is not None and (task := asyncio.current_task()):
            self._sides.add(task)

    def _end(self, cause: str) -> None:
        """Once for each connection, or attempt at one: the first who notices says why."""
        if self._ended:
            return
        self._ended = True
        metrics.DISCONNECTS.labels(cause).inc()
        why = CAUSES.get(cause) or f"Discord closed it ({cause.replace('_', ' ')})"
        level = logging.INFO if self._stood else logging.DEBUG
        log.log(level, "shard %d of %d is disconnected: %s", self.id, self.shard_count, why)


def cause_of(error: Exception) -> str:
    """A label: of a bounded number, whatever Discord sends."""
    match error:
        case hikari.GatewayServerClosedConnectionError(code=code):
            return f"close_{int(code)}" if code is not None and code in _CODES else "close_other"
        case hikari.GatewayConnectionError() | hikari.GatewayTransportError() | OSError():
            return NETWORK
        case hikari.GatewayError():
            return PROTOCOL
        case _:
            return FAILED
