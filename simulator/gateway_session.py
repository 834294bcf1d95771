"""One client's gateway connection: what each opcode does.

Source: events/gateway, "Connection Lifecycle".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final, Literal

from simulator.connection import GatewayConnection, decoded
from simulator.faults import Faults
from simulator.member_requests import MemberRequestResponder
from simulator.options import Options
from simulator.protocol import (
    ENDS_SESSION,
    ClientFrame,
    CloseCode,
    Closed,
    Identify,
    Op,
    RequestGuildMembers,
    Resume,
)
from simulator.session import Session
from simulator.sessions import Sessions
from simulator.stats import Stats

API_VERSION: Final = "10"

DropHow = Literal["close", "rst", "eof", "reconnect", "invalid", "invalid_resumable"]


class GatewayState:
    """What all gateway connections share."""

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
        self.open: set[GatewaySession] = set()

    def holder(self, session: Session) -> GatewaySession | None:
        """The connection that serves the session now."""
        for one in self.open:
            if one.connection.session is session:
                return one
        return None


class GatewaySession:
    """One gateway connection, from HELLO to the close."""

    def __init__(self, gateway: GatewayState, connection: GatewayConnection, url: str) -> None:
        self.connection = connection
        self._gateway = gateway
        self._url = url

    async def hold(self, *, version: str | None, encoding: str) -> None:
        """Serve the connection until it ends; the session may live on."""
        writer = asyncio.create_task(self.connection.write())
        try:
            self._greet(version, encoding)
            await self.connection.read(self._handle)
        except Closed as closed:
            self.connection.close(closed.code)
        finally:
            await self.connection.finish()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self._leave()

    def _leave(self) -> None:
        code = self.connection.closed_with
        if code is not None:
            self._gateway.stats.closes_by_code[code] += 1
        session = self.connection.detach()
        if session is not None and (self.connection.left_for_good() or code in ENDS_SESSION):
            self._gateway.sessions.end(session)

    def _greet(self, version: str | None, encoding: str) -> None:
        if self._gateway.faults.take_reconnect_at_hello():
            # Discord may say so before HELLO: this node is about to restart.
            self.connection.send(Op.RECONNECT)
            return
        if version != API_VERSION:
            raise Closed(CloseCode.INVALID_API_VERSION)
        if encoding != "json":
            raise Closed(CloseCode.DECODE_ERROR)
        interval = self._gateway.options.heartbeat_interval_ms
        self.connection.send(Op.HELLO, {"heartbeat_interval": interval, "_trace": []})

    def _handle(self, frame: ClientFrame) -> None:
        match frame.op:
            case Op.HEARTBEAT:
                self._heartbeat()
            case Op.IDENTIFY:
                self._identify(decoded(frame.d, Identify))
            case Op.RESUME:
                self._resume(decoded(frame.d, Resume))
            case Op.REQUEST_GUILD_MEMBERS:
                asked = decoded(frame.d, RequestGuildMembers)
                self.connection.stream(self._answer(self._identified(), asked))
            case (
                Op.PRESENCE_UPDATE
                | Op.VOICE_STATE_UPDATE
                | Op.REQUEST_SOUNDBOARD_SOUNDS
                | Op.REQUEST_CHANNEL_INFO
            ):
                # The bot's own status and voice are not simulated.
                self._identified()
            case _:
                raise Closed(CloseCode.UNKNOWN_OPCODE)

    def _identified(self) -> Session:
        if self.connection.session is None:
            raise Closed(CloseCode.NOT_AUTHENTICATED)
        return self.connection.session

    def _heartbeat(self) -> None:
        self._gateway.stats.heartbeats += 1
        if self._gateway.faults.acks_stalled:
            self._gateway.stats.heartbeats_unanswered += 1
        else:
            self.connection.send(Op.HEARTBEAT_ACK)

    def _identify(self, asked: Identify) -> None:
        if self.connection.session is not None:
            raise Closed(CloseCode.ALREADY_AUTHENTICATED)
        session = self._gateway.sessions.begin(asked, self._url)
        if session is None:
            self.connection.send(Op.INVALID_SESSION, False)
            return
        if asked.compress:
            self.connection.compress_payloads()
        self.connection.attach(session)

    def _resume(self, asked: Resume) -> None:
        if self.connection.session is not None:
            raise Closed(CloseCode.ALREADY_AUTHENTICATED)
        gateway = self._gateway
        gateway.sessions.identify_limits.check_token(asked.token)
        session = gateway.sessions.resumable(asked.session_id, asked.seq)
        if session is not None and gateway.faults.take_resume_refusal():
            gateway.sessions.end(session)
            session = None
        earlier = gateway.holder(session) if session is not None else None
        if earlier is not None:
            earlier.connection.detach()
            earlier.connection.close(CloseCode.UNKNOWN_ERROR)
        if session is None or not gateway.sessions.resumed(session):
            gateway.stats.resumes_refused += 1
            self.connection.send(Op.INVALID_SESSION, False)
            return
        self.connection.attach(session)

    def _answer(self, session: Session, asked: RequestGuildMembers) -> Iterator[bool]:
        for name, d in self._gateway.members.answer(session, asked):
            self._gateway.sessions.offer(name, d, [session])
            yield True

    def drop(self, how: DropHow, code: int, reason: str | None) -> None:
        """End it, or tell the client to."""
        match how:
            case "close":
                self.connection.close(code, reason)
            case "rst":
                self.connection.reset()
            case "eof":
                self.connection.cut()
            case "reconnect":
                self.connection.send(Op.RECONNECT)
            case "invalid":
                self.invalidate(resumable=False)
            case "invalid_resumable":
                self.invalidate(resumable=True)

    def invalidate(self, *, resumable: bool) -> None:
        """Op 9: with ``false`` the session ends and this connection may identify anew."""
        if not resumable:
            session = self.connection.detach()
            if session is not None:
                self._gateway.sessions.end(session)
        self.connection.send(Op.INVALID_SESSION, resumable)
