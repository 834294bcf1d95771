"""Control commands that break things: connections, sessions, REST, the portal's switches."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from simulator.command import Command, ControlTarget
from simulator.faults import Refusal, RefusedAddress, RestFault
from simulator.gateway_session import DropHow
from simulator.model import Json
from simulator.options import NotNegative, Options
from simulator.world import Unknown

# What is read once, when the simulator starts, cannot be changed later.
_FIXED: Final = frozenset({"host", "port", "members", "guilds", "seed"})


class Drop(Command):
    """End connections: all, those of one shard, or the one of a session.

    how: close (with code and reason), rst, eof (TCP end without a close frame), reconnect
    (op 7), invalid (op 9 false), invalid_resumable (op 9 true).
    """

    how: DropHow = "close"
    code: Annotated[int, Meta(ge=1000, le=4999)] = 4000
    reason: str | None = None
    shard: Annotated[int, Meta(ge=0)] | None = None
    session_id: str | None = None

    async def run(self, sim: ControlTarget) -> Json:
        dropped = sim.gateway.drop(
            self.how,
            code=self.code,
            reason=self.reason,
            shard=self.shard,
            session_id=self.session_id,
        )
        return {"connections": dropped}


class StallAcks(Command):
    """Leave heartbeats unanswered, or answer them again."""

    stalled: bool = True

    async def run(self, sim: ControlTarget) -> Json:
        sim.faults.acks_stalled = self.stalled
        return {}


class AskHeartbeat(Command):
    """Send op 1 to every client: it must answer with a heartbeat at once."""

    async def run(self, sim: ControlTarget) -> Json:
        return {"connections": sim.gateway.ask_heartbeat()}


class Refuse(Command):
    """Refuse new gateway connections for seconds, or (null) until clear; http is a 503.

    address: both, or resume (resume_gateway_url alone).
    """

    seconds: NotNegative | None = None
    how: Refusal = "http"
    address: RefusedAddress = "both"

    async def run(self, sim: ControlTarget) -> Json:
        sim.faults.refuse(self.seconds, self.how, self.address)
        return {}


class RefuseResumes(Command):
    """Answer the next resumes (null: all, until clear) with op 9 false."""

    times: Annotated[int, Meta(ge=1)] | None = None

    async def run(self, sim: ControlTarget) -> Json:
        sim.faults.refuse_resumes(self.times)
        return {}


class ReconnectAtHello(Command):
    """Greet the next connections with op 7 in place of HELLO."""

    times: Annotated[int, Meta(ge=1)] = 1

    async def run(self, sim: ControlTarget) -> Json:
        sim.faults.reconnect_at_hello(self.times)
        return {}


class BreakRest(Command):
    """Make requests under a path prefix (as in /users; "/" is all) fail with status (429 with
    retry_after, 500…), wait delay seconds, or both: for so many times, or until clear.
    carried_out: the request takes effect all the same.
    """

    prefix: str = "/"
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    delay: NotNegative = 0.0
    retry_after: NotNegative = 1.0
    carried_out: bool = False
    times: Annotated[int, Meta(ge=1)] | None = None

    async def run(self, sim: ControlTarget) -> Json:
        sim.faults.add_rest(
            RestFault(
                prefix=self.prefix,
                status=self.status,
                delay=self.delay,
                retry_after=self.retry_after,
                carried_out=self.carried_out,
                times=self.times,
            )
        )
        return {}


class Clear(Command):
    """End every fault that is in force, answer heartbeats again, and let everybody join."""

    async def run(self, sim: ControlTarget) -> Json:
        sim.faults.clear()
        sim.joins.clear()
        return {}


class Intents(Command):
    """Switch the portal's privileged intents; off means 4014 at the next Identify."""

    members: bool | None = None
    presences: bool | None = None

    async def run(self, sim: ControlTarget) -> Json:
        if self.members is not None:
            sim.options.allow_members = self.members
        if self.presences is not None:
            sim.options.allow_presences = self.presences
        return {"members": sim.options.allow_members, "presences": sim.options.allow_presences}


class Settings(Command):
    """Change options of this run (fields of simulator.options, as in heartbeat_interval_ms)."""

    options: dict[str, Any]

    async def run(self, sim: ControlTarget) -> Json:
        for name in self.options:
            if name not in Options.__struct_fields__ or name in _FIXED:
                raise Unknown(f"options.{name}", "(no option that can change)")
        changed = {**msgspec.structs.asdict(sim.options), **self.options}
        msgspec.convert(changed, Options)
        for name, value in self.options.items():
            setattr(sim.options, name, value)
        return {}


class Frame(Command):
    """Send text to every client as it is: an unknown opcode, or no JSON at all."""

    text: str

    async def run(self, sim: ControlTarget) -> Json:
        return {"connections": sim.gateway.send_text(self.text)}


FAULT_COMMANDS: Final[dict[str, type[Command]]] = {
    "drop": Drop,
    "stall_acks": StallAcks,
    "ask_heartbeat": AskHeartbeat,
    "refuse": Refuse,
    "refuse_resumes": RefuseResumes,
    "reconnect_at_hello": ReconnectAtHello,
    "break_rest": BreakRest,
    "clear": Clear,
    "intents": Intents,
    "settings": Settings,
    "frame": Frame,
}
