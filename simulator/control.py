"""The control API: what tests and benches do to this Discord, over HTTP.

``GET /control`` lists every verb with its fields; ``POST /control/<verb>`` takes a JSON object
(none at all counts as ``{}``) and answers ``{"ok": true, …}``. A bad field gets 400 and
``{"ok": false, "error": {"field", "message"}}``, an unknown verb 404.

``GET /control/truth`` is the current state of all users, ``/control/truth/{user_id}`` of one
person, ``/control/stats`` the counters and the sessions.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from aiohttp import web

from simulator.command import Command, ControlTarget
from simulator.control_accounts import ACCOUNT_COMMANDS
from simulator.control_faults import FAULT_COMMANDS
from simulator.control_interactions import INTERACTION_COMMANDS
from simulator.control_world import WORLD_COMMANDS
from simulator.model import Json, Person
from simulator.world import Unknown

COMMANDS: Final[dict[str, type[Command]]] = {
    **WORLD_COMMANDS,
    **INTERACTION_COMMANDS,
    **ACCOUNT_COMMANDS,
    **FAULT_COMMANDS,
}

_AT: Final = re.compile(r"`\$\.?([^`]*)`$")
_FIELD: Final = re.compile(r"field `([^`]*)`")


class Control:
    """The HTTP side; the verbs do the work."""

    def __init__(self, sim: ControlTarget) -> None:
        self._sim = sim

    def routes(self) -> list[web.RouteDef]:
        """Everything under ``/control``."""
        return [
            web.get("/control", self.verbs),
            web.get("/control/truth", self.truth),
            web.get("/control/truth/{user_id}", self.truth_of_one),
            web.get("/control/stats", self.stats),
            web.post("/control/{verb}", self.run),
        ]

    async def verbs(self, request: web.Request) -> web.Response:
        return _json({name: describe(verb) for name, verb in COMMANDS.items()})

    async def run(self, request: web.Request) -> web.Response:
        verb = COMMANDS.get(request.match_info["verb"])
        if verb is None:
            return _error("verb", f"no such verb; there are: {', '.join(COMMANDS)}", status=404)
        body = await request.read() or b"{}"
        try:
            result = await msgspec.json.decode(body, type=verb).run(self._sim)
        except msgspec.ValidationError as wrong:
            return _error(field_of(str(wrong)), str(wrong))
        except msgspec.DecodeError as wrong:
            return _error("", f"the body is not JSON: {wrong}")
        except Unknown as wrong:
            return _error(wrong.field, str(wrong))
        return _json({"ok": True, **result})

    async def truth(self, request: web.Request) -> web.Response:
        world = self._sim.world
        return _json(
            {
                "changes": world.changes,
                "guilds": [
                    {
                        "id": guild.id,
                        "name": guild.name,
                        "available": guild.available,
                        "member_count": len(guild.members),
                    }
                    for guild in world.guilds.values()
                ],
                "members": [truth_of(person) for person in world.people.values()],
            }
        )

    async def truth_of_one(self, request: web.Request) -> web.Response:
        try:
            person = self._sim.world.person(request.match_info["user_id"])
        except Unknown as wrong:
            return _error(wrong.field, str(wrong), status=404)
        nicks = {
            guild_id: self._sim.world.guilds[guild_id].members[person.user.id].nick
            for guild_id in person.guilds
        }
        world = self._sim.world
        shown = {
            guild_id: world.presence_in(person, world.guilds[guild_id]).activities
            for guild_id in person.guilds
        }
        privacy = world.privacy(person.user.id)
        return _json({**truth_of(person), "nicks": nicks, "privacy": privacy, "shown": shown})

    async def stats(self, request: web.Request) -> web.Response:
        sim = self._sim
        sessions = [
            {
                "id": session.id,
                "shard": session.shard,
                "intents": int(session.intents),
                "seq": session.seq,
                "waiting": session.waiting,
                "connected": session.detached_at is None,
            }
            for session in sim.sessions
        ]
        return _json(
            {
                **msgspec.to_builtins(sim.stats),
                "changes": sim.world.changes,
                "people": len(sim.world.people),
                "guilds": len(sim.world.guilds),
                "rate": sim.options.rate,
                "connected": len(sim.gateway.connections),
                "sessions": sessions,
            }
        )


def truth_of(person: Person) -> Json:
    """One person: user, presence and the guilds that hold them."""
    return {
        "user": person.user,
        "status": person.presence.status,
        "activities": person.presence.activities,
        "client_status": person.presence.client_status,
        "guilds": person.guilds,
    }


def describe(verb: type[Command]) -> Json:
    """What a verb does and which fields it has, from its docstring and its types."""
    [schema], parts = msgspec.json.schema_components([verb], ref_template="{name}")
    fields = parts[schema["$ref"]]
    return {
        "does": verb.__doc__,
        "fields": fields["properties"],
        "required": fields.get("required", []),
    }


def field_of(message: str) -> str:
    """The field that a msgspec error is about, ``""`` for the body as a whole."""
    missing = _FIELD.search(message)
    at = _AT.search(message)
    path = at.group(1) if at is not None else ""
    if missing is None:
        return path
    return f"{path}.{missing.group(1)}" if path else missing.group(1)


def _json(body: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


def _error(field: str, message: str, status: int = 400) -> web.Response:
    return _json({"ok": False, "error": {"field": field, "message": message}}, status)
