"""What we use of other packages that their documentation does not promise.

An upgrade may change any of it in silence. Each entry says what has to hold, and which of our files
relies on it; where one fails, read that file before the version is raised in requirements/.

Long because it is one table.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import version
from ssl import CERT_REQUIRED, SSLContext
from typing import Any, NamedTuple

import pytest
from aiohttp import connector
from bidi import algorithm
from hikari.impl import GatewayShardImpl
from hikari.impl.config import _ssl_factory
from redis._parsers.hiredis import _AsyncHiredisParser
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import Connection, SSLConnection
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from tests.documents import ROOT

HIKARI_SHARD = "services/gateway/discord/hikari_shard.py"
UVICORN_SERVER = "shared/http/uvicorn_server.py"
UVICORN_PROTOCOL = "shared/http/uvicorn_protocol.py"
SENTINEL = "shared/redis/sentinel.py"
CONNECTIONS = "shared/redis/connections.py"
HELD_CONNECTION = "shared/redis/held_connection.py"
INCOMING = "services/ws/incoming.py"
BIDI = "services/cards/render/bidi.py"


class Use(NamedTuple):
    """A name that `file` uses, and what it relies on."""

    package: str
    name: str
    file: str
    holds: Callable[[], bool]


def takes(function: object, *names: str) -> bool:
    """Whether the function's parameters, without `self`, are these."""
    found = [name for name in inspect.signature(function).parameters if name != "self"]  # type: ignore[arg-type]
    return found == list(names)


def accepts(function: object, **arguments: Any) -> bool:
    """Whether it may be called so."""
    signature = inspect.signature(function)  # type: ignore[arg-type]
    signature.bind(None, **arguments)
    return True


def is_coroutine(function: object, *names: str) -> bool:
    return inspect.iscoroutinefunction(function) and takes(function, *names)


def source(function: Callable[..., Any]) -> str:
    """Its text, with single spaces."""
    return re.sub(r"\s+", " ", inspect.getsource(function))


def slot(name: str) -> bool:
    """Whether a hikari shard has such an attribute, which its class alone defines."""
    return name in GatewayShardImpl.__slots__


def shard(name: str) -> Callable[..., Any]:
    """A method of hikari's shard."""
    method: Callable[..., Any] = getattr(GatewayShardImpl, name)
    return method


def accepts_close_between_fragments() -> bool:
    """Whether websockets takes a Close in the middle of a message once `current_size` is None."""
    protocol = Protocol(Side.SERVER)
    protocol.recv_frame(Frame(Opcode.TEXT, b"half", fin=False))
    if protocol.current_size is None:
        return False
    protocol.current_size = None
    protocol.recv_frame(Frame(Opcode.CLOSE, b"\x03\xe8"))
    return protocol.close_rcvd is not None and protocol.parser_exc is None


def bidi_keys() -> set[str]:
    storage = algorithm.get_empty_storage()
    storage["base_level"], storage["base_dir"] = 0, "L"
    algorithm.get_embedding_levels("a", storage)
    return set(storage["chars"][0])


HIKARI = [
    Use(
        *("hikari", "_connect", HIKARI_SHARD),
        lambda: (
            is_coroutine(shard("_connect"))
            and inspect.signature(shard("_connect")).return_annotation
            == "tuple[asyncio.Task[None], ...]"
        ),
    ),
    Use("hikari", "_poll_events", HIKARI_SHARD, lambda: is_coroutine(shard("_poll_events"))),
    Use(
        *("hikari", "_heartbeat", HIKARI_SHARD),
        lambda: is_coroutine(shard("_heartbeat"), "heartbeat_interval"),
    ),
    Use(
        *("hikari", "_seq", HIKARI_SHARD),
        # It resumes if this is set.
        lambda: slot("_seq") and "if self._seq is None" in source(shard("_connect")),
    ),
    Use(
        *("hikari", "_session_id", HIKARI_SHARD),
        lambda: (
            slot("_session_id") and '"session_id": self._session_id' in source(shard("_connect"))
        ),
    ),
    Use(
        *("hikari", "_resume_gateway_url", HIKARI_SHARD),
        lambda: (
            slot("_resume_gateway_url")
            and "self._resume_gateway_url or self._gateway_url" in source(shard("_connect"))
        ),
    ),
    Use("hikari", "_keep_alive", HIKARI_SHARD, lambda: is_coroutine(shard("_keep_alive"))),
    Use(  # its back-off is reset where a connection ends without an error
        *("hikari", "RECONNECT_ERRORS", HIKARI_SHARD),
        lambda: (
            "await aio.first_completed(*lifetime_tasks) "
            "# Since nothing went wrong, we can reset the backoff and try again backoff.reset()"
            in source(shard("_keep_alive"))
            and all(
                f"except {name}" in source(shard("_keep_alive"))
                for name in (
                    "ConnectionResetError:",
                    "errors.GatewayConnectionError as ex:",
                    "errors.GatewayTransportError:",
                )
            )
        ),
    ),
    Use(
        *("hikari", "_handshake_event", HIKARI_SHARD),
        lambda: (
            slot("_handshake_event")
            and "self._handshake_event = asyncio.Event()" in source(shard("start"))
        ),
    ),
    Use(
        *("hikari", "_keep_alive_task", HIKARI_SHARD),
        lambda: (
            slot("_keep_alive_task")
            and "self._keep_alive_task = keep_alive_task" in source(shard("start"))
            and "self._keep_alive_task.cancel()" in source(shard("close"))
        ),
    ),
    Use(
        *("hikari", "_is_closing", HIKARI_SHARD),
        lambda: (
            slot("_is_closing")
            and "if self._is_closing: await ws.send_close( code=errors.ShardCloseCode.GOING_AWAY"
            in source(shard("_keep_alive"))
        ),
    ),
    Use(
        *("hikari", "consume_raw_event", HIKARI_SHARD),
        lambda: (
            0
            < source(shard("_poll_events")).find(
                "self._seq = payload[_S]"
            )  # so the event's number is known then
            < source(shard("_poll_events")).find(
                "self._event_manager.consume_raw_event(name, self, data)"
            )
        ),
    ),
    Use(
        *("hikari", "deserialize_connected_event", HIKARI_SHARD),
        lambda: (
            "self._event_manager.dispatch( self._event_factory.deserialize_connected_event(self), "
            "return_tasks=True )" in source(shard("_keep_alive"))
        ),
    ),
    Use(
        *("hikari", "deserialize_disconnected_event", HIKARI_SHARD),
        lambda: (
            "self._event_manager.dispatch( self._event_factory.deserialize_disconnected_event"
            "(self), return_tasks=True )" in source(shard("_keep_alive"))
        ),
    ),
    Use(  # both are sent, and Discord takes one of them
        *("hikari", '"query"', HIKARI_SHARD),
        lambda: (
            'payload.put("query", query)' in source(shard("request_guild_members"))
            and 'put_snowflake_array("user_ids"' in source(shard("request_guild_members"))
        ),
    ),
    Use(
        *("aiohttp", "_SSL_CONTEXT_VERIFIED", HIKARI_SHARD),
        lambda: (
            isinstance(context := getattr(connector, "_SSL_CONTEXT_VERIFIED", None), SSLContext)
            and context.verify_mode is CERT_REQUIRED
            and context.check_hostname
            and _ssl_factory(context) is context
        ),
    ),
]

UVICORN = [
    Use(
        *("uvicorn", "capture_signals", UVICORN_SERVER),
        lambda: (
            takes(Server.capture_signals)
            and "with self.capture_signals(): await self._serve(sockets)" in source(Server.serve)
        ),
    ),
    Use(
        *("uvicorn", "on_tick", UVICORN_SERVER),
        lambda: (
            is_coroutine(Server.on_tick, "counter")
            and "should_exit = await self.on_tick(counter)" in source(Server.main_loop)
            and "asyncio.sleep(0.1)" in source(Server.main_loop)
        ),
    ),
    Use(
        *("uvicorn", "http=", UVICORN_SERVER),  # a callable in place of a class
        lambda: "self.http_protocol_class = self.http" in source(Config.load),
    ),
    *(
        Use(
            *("uvicorn", name, UVICORN_PROTOCOL),
            lambda name=name, names=names: takes(getattr(HttpToolsProtocol, name), *names),  # type: ignore[misc]
        )
        for name, names in (
            ("connection_made", ("transport",)),
            ("connection_lost", ("exc",)),
            ("data_received", ("data",)),
            ("on_message_begin", ()),
            ("on_url", ("url",)),
            ("on_header", ("name", "value")),
            ("on_headers_complete", ()),
            ("on_body", ("body",)),
            ("on_message_complete", ()),
            ("on_response_complete", ()),
            ("send_400_response", ("msg",)),
            ("shutdown", ()),
            ("_unset_keepalive_if_required", ()),
            ("_start_asgi_task", ("cycle", "app")),
            ("_should_upgrade", ()),
            ("handle_websocket_upgrade", ()),
        )
    ),
    *(
        Use(
            *("uvicorn", name, UVICORN_PROTOCOL),
            lambda text=text: text in source(HttpToolsProtocol.__init__),  # type: ignore[misc]
        )
        for name, text in (
            ("pipeline", "self.pipeline: deque["),
            ("cycle", "self.cycle: RequestResponseCycle = None"),
            ("flow", "self.flow: FlowControl = None"),
            ("server_state", "self.server_state = server_state"),
            ("headers", "self.headers: list[tuple[bytes, bytes]] = None"),
            ("parser", "self.parser = httptools.HttpRequestParser(self)"),
            ("client", "self.client: "),
            ("transport", "self.transport: asyncio.Transport = None"),
        )
    ),
    *(
        Use(
            *("uvicorn", name, UVICORN_PROTOCOL),
            lambda name=name: f"self.{name} = False" in source(RequestResponseCycle.__init__),  # type: ignore[misc]
        )
        for name in ("response_started", "response_complete", "disconnected")
    ),
    Use(
        *("uvicorn", "message_event", UVICORN_PROTOCOL),
        lambda: "self.message_event = message_event" in source(RequestResponseCycle.__init__),
    ),
]

REDIS = [
    Use(
        *("redis", "_connect", SENTINEL),
        lambda: all(
            is_coroutine(kind._connect)
            and {"host", "port"} <= kind(host="h", port=1).__dict__.keys()
            and "self.host" in source(Connection._connection_arguments)
            for kind in (Connection, SSLConnection)
        ),
    ),
    Use(
        *("redis", "on_connect_check_health", SENTINEL),
        lambda: is_coroutine(Connection.on_connect_check_health, "check_health"),
    ),
    Use(
        *("redis", "disconnect", SENTINEL),
        lambda: accepts(Connection.disconnect, nowait=True),
    ),
    *(
        Use("redis", name, HELD_CONNECTION, holds)
        for name, holds in (
            ("make_connection", lambda: takes(ConnectionPool.make_connection)),
            (
                "read_response",
                lambda: (
                    inspect.iscoroutinefunction(Connection.read_response)
                    and accepts(Connection.read_response, timeout=float("inf"))
                    and "math.inf" in source(Connection.read_response)
                ),
            ),
            (
                "send_command",
                lambda: 'kwargs.get("check_health", True)' in source(Connection.send_command),
            ),
        )
    ),
    Use(
        *("redis", "is_connected", HELD_CONNECTION),
        lambda: not Connection().is_connected,
    ),
    Use(
        *("redis", "_parser", CONNECTIONS),
        lambda: isinstance(Connection(protocol=2)._parser, _AsyncHiredisParser),
    ),
    Use(
        *("redis", "_reader", CONNECTIONS),
        lambda: (
            '"notEnoughData": NOT_ENOUGH_DATA' in source(_AsyncHiredisParser.on_connect)
            and "self._reader = hiredis.Reader(" in source(_AsyncHiredisParser.on_connect)
            and "await self._stream.read(" in source(_AsyncHiredisParser.read_from_socket)
        ),
    ),
]

WEBSOCKETS = [
    Use(
        *("websockets", "recv_frame", INCOMING),
        lambda: takes(Protocol.recv_frame, "frame"),
    ),
    Use(
        *("websockets", "current_size", INCOMING),
        accepts_close_between_fragments,
    ),
]

PYTHON_BIDI = [
    *(
        Use(
            *("python-bidi", name, BIDI),
            lambda name=name, names=names: takes(getattr(algorithm, name), *names),  # type: ignore[misc]
        )
        for name, names in (
            ("get_base_level", ("text", "upper_is_rtl")),
            ("get_empty_storage", ()),
            ("get_embedding_levels", ("text", "storage", "upper_is_rtl", "debug")),
            ("explicit_embed_and_overrides", ("storage", "debug")),
            ("resolve_weak_types", ("storage", "debug")),
            ("resolve_neutral_types", ("storage", "debug")),
            ("resolve_implicit_levels", ("storage", "debug")),
        )
    ),
    Use("python-bidi", '"level"', BIDI, lambda: bidi_keys() >= {"level", "type"}),
]

USES = [*HIKARI, *UVICORN, *REDIS, *WEBSOCKETS, *PYTHON_BIDI]


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.package}-{use.name}")
def test_it_is_as_we_rely_on_it(use: Use) -> None:
    """Else the message names the package, the name, and the file to look at."""
    why = f"{use.package} {version(use.package)} changed {use.name}: {use.file} relies on it"
    try:
        holds = use.holds()
    except (AttributeError, TypeError, KeyError) as error:
        raise AssertionError(why) from error
    assert holds, why


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.package}-{use.name}")
def test_no_entry_is_out_of_date(use: Use) -> None:
    """Each file still uses the name."""
    assert use.name in (ROOT / use.file).read_text(), f"{use.file} no longer uses {use.name}"


def test_no_entry_is_missing() -> None:
    """What a class of ours uses or overrides of a base with a leading underscore is listed."""
    listed = {(use.package, use.name) for use in USES}
    missing = {
        f"{module}: {base.__module__}.{base.__name__}.{name}"
        for module, base, name in _private_uses()
        if (base.__module__.partition(".")[0], name) not in listed
    }
    assert missing == set()


PACKAGES = ("hikari", "uvicorn", "redis", "websockets")


def _private_uses() -> Iterator[tuple[str, type, str]]:
    """Our module, the foreign base, and the private name of it that the module's class uses."""
    for file in sorted(
        path for room in ("services", "shared") for path in (ROOT / room).rglob("*.py")
    ):
        text = file.read_text()
        if re.search(rf"^(from|import) ({'|'.join(PACKAGES)})\b", text, re.MULTILINE):
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    for module in list(sys.modules.values()):
        if not module.__name__.startswith(("services.", "shared.")):
            continue
        for kind in list(vars(module).values()):
            if not inspect.isclass(kind) or kind.__module__ != module.__name__:
                continue
            for base in kind.__mro__:
                if base.__module__.startswith(PACKAGES):
                    known = {*vars(base), *getattr(base, "__slots__", ())}
                    used = _private_names(kind) & known
                    yield from ((module.__name__, base, name) for name in used)


def _private_names(kind: type) -> set[str]:
    """Methods that the class defines, and attributes of `self` and `super()` that it uses."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(kind)))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
    return {name for name in found if name.startswith("_") and not name.endswith("__")}
