"""The gateway's door: who may connect, and all conversations that go on.

Source: events/gateway, "Connecting".
"""

from aiohttp import web

from simulator.compression import TRANSPORTS
from simulator.connection import GatewayConnection, abort_with_reset
from simulator.faults import Faults
from simulator.gateway_session import Conversation
from simulator.member_requests import MemberRequestResponder
from simulator.options import Options
from simulator.protocol import Op
from simulator.session import Session
from simulator.sessions import Sessions
from simulator.stats import Stats


class Gateway:
    """All conversations, and how new ones begin."""

    def __init__(
        self,
        sessions: Sessions,
        members: MemberRequestResponder,
        options: Options,
        stats: Stats,
        faults: Faults,
    ) -> None:
        self.sessions = sessions
        self.members = members
        self.options = options
        self.stats = stats
        self.faults = faults
        self.conversations: set[Conversation] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """``GET /gateway?v=10&encoding=json[&compress=…]``."""
        transport = request.transport
        refusal = self.faults.connection_refusal()
        if refusal is not None or transport is None:
            self.stats.connections_refused += 1
            if refusal == "reset" and transport is not None:
                abort_with_reset(transport)
            return web.Response(status=503, text="upstream connect error")
        # permessage-deflate would only compress a second time.
        ws = web.WebSocketResponse(compress=False, timeout=2.0, max_msg_size=1 << 20)
        await ws.prepare(request)
        self.stats.connections += 1
        compress = TRANSPORTS.get(request.query.get("compress", ""))
        connection = GatewayConnection(ws, transport, compress and compress(), self.options)
        conversation = Conversation(self, connection, gateway_url(request))
        self.conversations.add(conversation)
        try:
            await conversation.hold(
                version=request.query.get("v"), encoding=request.query.get("encoding", "json")
            )
        finally:
            self.conversations.discard(conversation)
        return ws

    def holder(self, session: Session) -> Conversation | None:
        """The conversation that serves the session now."""
        for conversation in self.conversations:
            if conversation.connection.session is session:
                return conversation
        return None

    def matching(self, shard: int | None, session_id: str | None) -> list[Conversation]:
        """The conversations of one shard or one session; all of them if neither is given."""
        found = []
        for conversation in self.conversations:
            session = conversation.connection.session
            if shard is not None and (session is None or session.shard[0] != shard):
                continue
            if session_id is not None and (session is None or session.id != session_id):
                continue
            found.append(conversation)
        return found

    def ask_heartbeat(self) -> int:
        """Op 1 to everybody; returns to how many."""
        for conversation in self.conversations:
            conversation.connection.send(Op.HEARTBEAT)
        return len(self.conversations)

    def send_text(self, text: str) -> int:
        """A frame as it is to everybody; returns to how many."""
        for conversation in self.conversations:
            conversation.connection.send_text(text)
        return len(self.conversations)

    async def close(self) -> None:
        """Say goodbye to everybody: 1001, as a node that is restarted does."""
        connections = [conversation.connection for conversation in self.conversations]
        for connection in connections:
            connection.close(1001)
        for connection in connections:
            await connection.finish()


def gateway_url(request: web.Request) -> str:
    """The gateway's address as this client reached the host."""
    return f"ws://{request.host}/gateway"
