"""The gateway endpoint: accepts connections, and acts on all that are open.

Source: events/gateway, "Connecting".
"""

from typing import Final

from aiohttp import web

from simulator.compression import TRANSPORTS
from simulator.connection import GatewayConnection, abort_with_reset
from simulator.gateway_session import DropHow, GatewaySession, GatewayState
from simulator.protocol import Op

RESUME_PATH: Final = "/gateway/resume"


class Gateway:
    """Accepts gateway connections, and acts on those that are open."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state

    @property
    def connections(self) -> set[GatewaySession]:
        """The connections that are open now."""
        return self._state.open

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """``GET /gateway?v=10&encoding=json[&compress=…]``, and the same at ``RESUME_PATH``."""
        transport = request.transport
        is_resume = request.path.rstrip("/") == RESUME_PATH
        refusal = self._state.faults.connection_refusal("resume" if is_resume else "main")
        if refusal is not None or transport is None:
            self._state.stats.connections_refused += 1
            if refusal == "reset" and transport is not None:
                abort_with_reset(transport)
            return web.Response(status=503, text="upstream connect error")
        # permessage-deflate would only compress a second time.
        ws = web.WebSocketResponse(compress=False, timeout=2.0, max_msg_size=1 << 20)
        await ws.prepare(request)
        self._state.stats.connections += 1
        compress = TRANSPORTS.get(request.query.get("compress", ""))
        connection = GatewayConnection(ws, transport, compress and compress(), self._state.options)
        session = GatewaySession(self._state, connection, resume_url(request))
        self._state.open.add(session)
        try:
            await session.hold(
                version=request.query.get("v"), encoding=request.query.get("encoding", "json")
            )
        finally:
            self._state.open.discard(session)
        return ws

    def matching(self, shard: int | None, session_id: str | None) -> list[GatewaySession]:
        """The connections of one shard or one session; all of them if neither is given."""
        found = []
        for one in self._state.open:
            session = one.connection.session
            if shard is not None and (session is None or session.shard[0] != shard):
                continue
            if session_id is not None and (session is None or session.id != session_id):
                continue
            found.append(one)
        return found

    def drop(
        self,
        how: DropHow = "close",
        *,
        code: int = 4000,
        reason: str | None = None,
        shard: int | None = None,
        session_id: str | None = None,
    ) -> int:
        """End connections (see :class:`simulator.control_faults.Drop`); returns how many."""
        dropped = self.matching(shard, session_id)
        for one in dropped:
            one.drop(how, code, reason)
        return len(dropped)

    def ask_heartbeat(self) -> int:
        """Send op 1 to every client; returns to how many."""
        for one in self._state.open:
            one.connection.send(Op.HEARTBEAT)
        return len(self._state.open)

    def send_text(self, text: str) -> int:
        """Send a frame unchanged to every client; returns to how many."""
        for one in self._state.open:
            one.connection.send_text(text)
        return len(self._state.open)

    async def close(self) -> None:
        """Close every connection with 1001, as a restarted node does."""
        connections = [one.connection for one in self._state.open]
        for connection in connections:
            connection.close(1001)
        for connection in connections:
            await connection.finish()


def gateway_url(request: web.Request) -> str:
    """The gateway's address as this client reached the host."""
    return f"ws://{request.host}/gateway"


def resume_url(request: web.Request) -> str:
    """READY's ``resume_gateway_url``, at the host that this client reached."""
    return f"ws://{request.host}{RESUME_PATH}"
