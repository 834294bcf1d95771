"""The state that all connections of a server share."""

from __future__ import annotations

from msgspec import Struct

from services.ws.budgets import AddressBudgets
from services.ws.counters import Counters
from services.ws.handshake import HandshakeHealth
from services.ws.hub import Hub
from services.ws.keepalive import Keepalive
from services.ws.limits import WsLimits
from services.ws.read_turns import ReadTurns
from services.ws.slow_refusals import SlowRefusals
from shared.net.client_address import ClientResolver
from shared.net.connection_limiter import ConnectionLimiter
from shared.net.fixed_window import FixedWindowCounter


class ServerContext(Struct):
    """One for each server. Its objects count over all connections."""

    hub: Hub
    keepalive: Keepalive
    limiter: ConnectionLimiter
    resolver: ClientResolver
    budgets: AddressBudgets
    messages: FixedWindowCounter  # frames from each address
    limits: WsLimits
    counters: Counters
    read_turns: ReadTurns
    slow_refusals: SlowRefusals
    discord_invite: str | None = None  # for a user who is not monitored
    draining: bool = False  # the process is about to end

    def health(self) -> HandshakeHealth:
        return HandshakeHealth(self.hub.connected, self.draining)
