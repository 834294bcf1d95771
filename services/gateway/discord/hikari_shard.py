"""hikari's shard, adapted to the gateway. All code that relies on hikari's internals is here.

hikari reconnects and resumes by itself for as long as its process lives. This shard also:

- can be given the session of an earlier process, and leaves one behind that can be resumed;
- waits for permission before it connects;
- hands events over synchronously. hikari's own event manager creates a task for every listener of
  every event; without that, an event costs a sixth (docs/decisions/0001-raw-shards.md);
- counts and logs how each connection began and why it ended;
- gives up a connection on which Discord neither begins nor resumes a session;
- leaves a resume address that does not work, for the main one;
- ends when it is closed, also while it disconnects;
- logs a failure in one line of bounded length, without hikari's tracebacks.

Discord docs: Gateway, Resuming and Disconnecting; Opcodes and Status Codes.

Long because everything that depends on hikari's internals is read, and checked after an update of
hikari, in one place.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import aiohttp
import msgspec
from hikari.errors import (
    GatewayConnectionError,
    GatewayError,
    GatewayServerClosedConnectionError,
    GatewayTransportError,
)
from hikari.impl.config import HTTPSettings, ProxySettings
from hikari.impl.shard import GatewayShardImpl
from hikari.intents import Intents

from services.gateway import metrics
from services.gateway.discord.session_events import DiscordSession, SessionEvents
from services.gateway.normalize import member_list, presence_event

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdError
else:
    from backports.zstd import ZstdError

log = logging.getLogger(__name__)

INTENTS: Final = Intents.GUILDS | Intents.GUILD_MEMBERS | Intents.GUILD_PRESENCES
LARGE_THRESHOLD_MEMBERS: Final = 250  # Discord's maximum: smaller guilds come without chunks
SESSION_TTL_S: Final = 300.0  # Discord keeps a session for some minutes, and not for longer
MAX_RESUME_FAILURES: Final = 3  # in a row at the address that READY named
MAX_REASON_CHARS: Final = 200  # of a failure in the log: the server's own words are in it
HANDSHAKE_SILENCE_S: Final = 30.0  # without an event, while a session neither begins nor resumes
CLOSE_RETRY_S: Final = 2.0

DISPATCH: Final = 0
RECONNECT: Final = 7
INVALID_SESSION: Final = 9
UNKNOWN: Final = -1  # an opcode that hikari ignores

HEARTBEAT: Final = "heartbeat"
NETWORK: Final = "network"
PROTOCOL: Final = "protocol"
FAILED: Final = "failed"
_CLOSE_CODES: Final = frozenset({1000, 1001, 1006, 1011, 1012, *range(4000, 4015)})

# hikari reconnects after these, with its back-off
RECONNECT_ERRORS: Final = (ConnectionResetError, GatewayConnectionError, GatewayTransportError)

CAUSES: Final = {
    "op_7": "Discord asked for a reconnect (opcode 7)",
    "op_9": "Discord ended the session (opcode 9)",
    HEARTBEAT: "Discord did not answer a heartbeat",
    NETWORK: "the connection broke, or could not be opened",
    PROTOCOL: "Discord sent something that hikari does not understand",
    FAILED: "an internal error",
}

for _how in ("identified", "resumed"):
    metrics.CONNECTS.labels(_how)
for _cause in CAUSES:
    metrics.DISCONNECTS.labels(_cause)


class InstrumentedShard(GatewayShardImpl):
    """One shard of the bot, from `start` to `close`. It is its own event manager."""

    def __init__(
        self,
        session: DiscordSession | None,
        events: SessionEvents,
        may_connect: Callable[[], Awaitable[None]],
        *,
        token: str,
        url: str,
        shard_id: int,
        shard_count: int,
        handshake_silence_s: float = HANDSHAKE_SILENCE_S,
    ) -> None:
        """`may_connect` is awaited before each connection, the first and every other."""
        super().__init__(
            token=token,
            url=url,
            shard_id=shard_id,
            shard_count=shard_count,
            intents=INTENTS,
            large_threshold=LARGE_THRESHOLD_MEMBERS,
            http_settings=HTTPSettings(ssl=_tls_context()),
            proxy_settings=ProxySettings(),
            loads=self._load_message,
            dumps=_dump_message,
            event_manager=cast("Any", self),
            event_factory=cast("Any", _EventFactory()),
        )
        self._resume_failures = session.resume_failures if session else 0
        self._main_url = url
        logging.getLogger(f"hikari.gateway.{shard_id}").addFilter(_drop_traceback)
        self._events = events
        self._may_connect = may_connect
        self._handshake_silence_s = handshake_silence_s
        self._disconnected_since: float | None = None  # time of the loop
        self._end_opcode = 0  # by which Discord ended this connection
        self._end_reported = False
        self._was_connected = False
        self._handshake: asyncio.Timeout | None = None  # while it connects
        self._handshake_tasks: set[asyncio.Task[Any]] = set()  # hikari's, of this connection
        if session is not None:
            self._session_id, self._resume_gateway_url = session.id, session.url
            self._seq = session.seq

    @property
    def session(self) -> DiscordSession | None:
        """What the next connection resumes; None when it has to identify."""
        seq = self._seq
        if not self._session_id or not self._resume_gateway_url or not isinstance(seq, int):
            return None
        return DiscordSession(
            self._session_id, self._resume_gateway_url, seq, self._resume_failures
        )

    async def start(self) -> None:
        """Begin to connect. hikari's own method waits for the first connection and cannot be
        cancelled while it does: `close` does not know its task by then."""
        self._handshake_event = asyncio.Event()
        self._keep_alive_task = asyncio.create_task(self._keep_alive())

    async def close(self) -> None:
        """hikari swallows a cancellation that arrives while it disconnects, and connects again:
        the task is cancelled until it ends."""
        task = self._keep_alive_task
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CLOSE_RETRY_S)
        await super().close()  # raises again what has ended the task

    def consume_raw_event(self, name: str, shard: object, payload: Any) -> None:
        """hikari's `EventManager.consume_raw_event`: called for each event."""
        self._events.receive(name, self._seq, payload)

    async def dispatch(self, event: None, *, return_tasks: bool = False) -> None:
        """hikari's `EventManager.dispatch`: called when it connects and disconnects.
        `_connect_and_report` and `_report_end` report it, with the cause."""

    async def _connect(self) -> Any:
        self._drop_expired_session()
        self._leave_dead_resume_url()
        await self._may_connect()
        tasks = await self._connect_and_report()
        self._disconnected_since = None
        return tasks

    def _drop_expired_session(self) -> None:
        """The resume address may be gone with the session: then nothing rejects a resume."""
        now = asyncio.get_running_loop().time()
        if self._disconnected_since is None:
            self._disconnected_since = now
        elif now - self._disconnected_since > SESSION_TTL_S:
            self._session_id = self._resume_gateway_url = self._seq = None

    def _leave_dead_resume_url(self) -> None:
        """Discord accepts a resume at its main address too. That is the session's address from now
        on, also for another process that resumes it, until READY names one again."""
        if self._resume_failures < MAX_RESUME_FAILURES or not self._resume_gateway_url:
            return
        self._resume_failures = 0
        if self._resume_gateway_url != self._main_url:
            self._resume_gateway_url = self._main_url
            log.info(
                "shard %d of %d resumes at Discord's main address: the resume address fails",
                self.id,
                self.shard_count,
            )

    async def _connect_and_report(self) -> Any:
        self._end_opcode, self._end_reported, self._was_connected = 0, False, False
        self._resume_failures += self._seq is not None  # until it succeeds
        how = "identified" if self._seq is None else "resumed"
        self._events.start_connection(identifies=self._seq is None)
        try:
            async with asyncio.timeout(self._handshake_silence_s) as self._handshake:
                tasks = await super()._connect()
        except BaseException as error:
            for task in self._handshake_tasks:  # hikari does not know them before this returns
                task.cancel()
            if isinstance(error, Exception):
                self._report_end(cause_of(error))
            if isinstance(error, TimeoutError):
                raise GatewayConnectionError("Discord sends nothing") from None
            _raise_shortened(error)
            raise
        finally:
            self._handshake = None
            self._handshake_tasks.clear()
        if self.is_connected:
            self._was_connected = True
            self._resume_failures = 0
            metrics.CONNECTS.labels(how).inc()
            log.info("shard %d of %d is connected to Discord (%s)", self.id, self.shard_count, how)
        elif not tasks:
            self._report_end(f"op_{RECONNECT}")
        return tasks

    async def _poll_events(self) -> None:
        self._add_handshake_task()
        try:
            await super()._poll_events()
        except Exception as error:
            self._report_end(cause_of(error))
            if not self._ends_series(error):
                _raise_shortened(error)
                raise
        self._report_end(f"op_{self._end_opcode}")

    async def _heartbeat(self, heartbeat_interval: float) -> None:
        self._add_handshake_task()
        try:
            await super()._heartbeat(heartbeat_interval)
        except Exception as error:
            self._report_end(cause_of(error))
            if not self._ends_series(error):
                raise
        self._report_end(HEARTBEAT)

    def _ends_series(self, error: Exception) -> bool:
        """Whether this error is kept from hikari, so that it resets its back-off: the session has
        worked, and the outage before it is over. hikari itself resets it only where a connection
        ends without an error or is closed by Discord."""
        return self.is_connected and isinstance(error, RECONNECT_ERRORS)

    def _load_message(self, payload: bytes | str) -> Any:
        message = _read_message(payload)
        op = message["op"]
        if op in (RECONNECT, INVALID_SESSION):
            self._end_opcode = op
        handshake = self._handshake
        if op == DISPATCH and handshake is not None and not handshake.expired():
            # A replay may be long.
            handshake.reschedule(asyncio.get_running_loop().time() + self._handshake_silence_s)
        return message

    def _add_handshake_task(self) -> None:
        if self._handshake is not None and (task := asyncio.current_task()):
            self._handshake_tasks.add(task)

    def _report_end(self, cause: str) -> None:
        """Once for each connection or attempt: the first task to notice knows the cause."""
        if self._end_reported:
            return
        self._end_reported = True
        metrics.DISCONNECTS.labels(cause).inc()
        why = CAUSES.get(cause) or f"Discord closed it ({cause.replace('_', ' ')})"
        level = logging.INFO if self._was_connected else logging.DEBUG
        log.log(level, "shard %d of %d is disconnected: %s", self.id, self.shard_count, why)

    @property
    def _is_closing(self) -> bool:
        """hikari reads this when it disconnects. A shard that is closing sends close code 1001,
        and Discord then ends the session; after any other code the session can be resumed."""
        return False

    @_is_closing.setter
    def _is_closing(self, closing: bool) -> None:
        pass


def cause_of(error: Exception) -> str:
    """The cause as a metric label: one of a bounded number, whatever Discord sends."""
    match error:
        case GatewayServerClosedConnectionError(code=code):
            if code is None or code not in _CLOSE_CODES:
                return "close_other"
            return f"close_{int(code)}"
        case GatewayConnectionError() | GatewayTransportError() | OSError():
            return NETWORK
        case GatewayError() | zlib.error() | ZstdError():
            return PROTOCOL
        case _:
            return FAILED


def _raise_shortened(error: BaseException) -> None:
    """If the network or Discord is at fault: raise it as the error that hikari logs in one line
    and reconnects after, with a reason of bounded length."""
    handshake = error.__context__
    match error:
        case GatewayServerClosedConnectionError():
            return
        case GatewayConnectionError() if isinstance(handshake, aiohttp.ClientResponseError):
            reason = f"Discord refused the handshake with status {handshake.status}"
        case GatewayError():
            reason = error.reason[:MAX_REASON_CHARS]
        case zlib.error() | ZstdError():
            reason = f"Discord sent data that cannot be decompressed ({error})"[:MAX_REASON_CHARS]
        case _:
            return
    raise GatewayConnectionError(reason) from None


def _drop_traceback(record: logging.LogRecord) -> bool:
    """A filter of hikari's log: it raises again what it logs with a traceback, and the runner logs
    that."""
    record.exc_info = None
    return True


def handle_loop_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The loop's exception handler: ignores what hikari leaves behind of an ended connection.

    hikari runs two tasks for each connection and reads the result of only one. A connection that
    ends while it is being opened leaves its HTTP session to the garbage collector, which closes it.
    """
    error = context.get("exception")
    if (
        isinstance(error, GatewayError | aiohttp.ClientConnectionResetError)
        or (isinstance(error, AssertionError) and "heartbeat" in str(context))
        or "client_session" in context
    ):
        log.debug("left by a connection to Discord that ended: %s", context.get("message"))
    else:
        loop.default_exception_handler(context)


def _tls_context() -> ssl.SSLContext | bool:
    """aiohttp's own, which it makes when it is imported: loading the CA certificates once more
    takes 20 ms. True, of which hikari makes one, where aiohttp has none of this name."""
    return getattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", None) or True


class _EventFactory:
    """The two methods of hikari's event factory that a shard calls."""

    def deserialize_connected_event(self, shard: object) -> None:
        return None

    def deserialize_disconnected_event(self, shard: object) -> None:
        return None


_decode = msgspec.json.Decoder().decode


def _read_message(payload: bytes | str) -> dict[str, Any]:
    """A message that hikari can read. hikari ends the connection where it cannot, so anything
    malformed becomes something that it ignores."""
    presence = presence_event.read(payload)
    if presence is not None:
        return {"op": DISPATCH, "t": presence.t, "s": presence.s, "d": presence.d}
    members = member_list.read(payload)
    if members is not None:
        return members
    try:
        message = _decode_json(payload)
    except (ValueError, RecursionError):
        return _reject("json")
    if not isinstance(message, dict) or "op" not in message:
        return _reject("message")
    if message["op"] == INVALID_SESSION:
        return {"d": False, **message}
    if message["op"] != DISPATCH:
        return message
    name, seq = message.get("t"), message.get("s")
    if not isinstance(name, str | None) or type(seq) is not int or "d" not in message:
        return _reject("message")
    if name == "RATE_LIMITED" and not _is_rate_limit(message["d"]):
        _reject("rate limit")
        return {**message, "t": None}  # without a name, and it still counts for a resume
    return message


def _decode_json(payload: bytes | str) -> Any:
    """Raises ValueError and RecursionError."""
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        return json.loads(payload)  # accepts lone surrogates, which sanitize.py then removes


def _is_rate_limit(payload: Any) -> bool:
    """Whether hikari can log it. Discord docs: Gateway Events, Rate Limited."""
    return (
        isinstance(payload, dict)
        and isinstance(payload.get("opcode"), int)
        and isinstance(payload.get("retry_after"), int | float)
        and "meta" in payload
    )


def _reject(reason: str) -> dict[str, Any]:
    """Count it, and return a message that hikari ignores."""
    metrics.EVENTS_REJECTED.labels(reason).inc()
    return {"op": UNKNOWN}


def _dump_message(message: Any) -> bytes:
    """A message's JSON. hikari sends `query` beside `user_ids`; Discord accepts only one."""
    data = message.get("d")
    if isinstance(data, dict) and "user_ids" in data:
        data = {key: value for key, value in data.items() if key not in ("query", "limit")}
        message = {**message, "d": data}
    return json.dumps(message).encode()
