"""Application commands: the body that a bot registers, checked as Discord checks it.

Source: interactions/application-commands. Global commands only: Grux registers no others.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from simulator import BOT_ID
from simulator.command_rules import problems_of
from simulator.model import Json
from simulator.problems import RestError
from simulator.snowflakes import snowflake

MAX_CREATES_PER_DAY: Final = 200
DAY_SECONDS: Final = 86_400
MAX_CHAT_COMMANDS: Final = 100
CHAT_INPUT: Final = 1

_DEFAULTS: Final[Json] = {
    "type": CHAT_INPUT,
    "default_member_permissions": None,
    "integration_types": [0],
    "contexts": None,
    "nsfw": False,
    "dm_permission": True,
}
_LOCALIZATIONS: Final = ("name_localizations", "description_localizations")


class ApplicationCommands:
    """What is registered, and the routes to change it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """``now``: seconds since 1970."""
        self.now = now
        self._commands: dict[tuple[int, str], Json] = {}
        self._creates: list[float] = []

    def routes(self) -> list[web.RouteDef]:
        """Everything under ``/applications/{application_id}/commands``."""
        path = "/applications/{application_id}/commands"
        return [
            web.get(path, self.registered),
            web.put(path, self.overwrite),
            web.post(path, self.upsert),
            web.delete(f"{path}/{{command_id}}", self.delete),
        ]

    def named(self, name: str) -> Json | None:
        """The chat command of this name."""
        return self._commands.get((CHAT_INPUT, name))

    def register(self, command: Json) -> Json:
        """As the bot would, without checks."""
        key = (command.get("type", CHAT_INPUT), command["name"])
        self._commands[key] = self._stored(key, command)
        return self._commands[key]

    @property
    def first(self) -> Json | None:
        """The first chat command."""
        return next((one for (kind, _), one in self._commands.items() if kind == CHAT_INPUT), None)

    def clear(self) -> None:
        """Nothing is registered any more."""
        self._commands.clear()

    @property
    def creates(self) -> int:
        """Names that were registered newly in the last day."""
        self._creates = [at for at in self._creates if at > self.now() - DAY_SECONDS]
        return len(self._creates)

    async def registered(self, request: web.Request) -> web.Response:
        """Localisations are left out unless they are asked for."""
        _check_application(request)
        full = request.query.get("with_localizations") in {"true", "1"}
        commands = list(self._commands.values())
        return web.json_response(commands if full else [_without_texts(one) for one in commands])

    async def overwrite(self, request: web.Request) -> web.Response:
        """Replaces all commands of all types; equal names keep their ids."""
        _check_application(request)
        body = await _json(request)
        if not isinstance(body, list):
            raise _invalid({"_errors": [_error("LIST_TYPE_CONVERT", "Only iterables may be used")]})
        errors = {str(i): found for i, one in enumerate(body) if (found := problems_of(one))}
        if errors:
            raise _invalid(errors)
        by_key = {(one.get("type", CHAT_INPUT), one["name"]): one for one in body}
        if len(by_key) < len(body):
            raise RestError(400, 40041, "Application command names must be unique")
        if sum(kind == CHAT_INPUT for kind, _ in by_key) > MAX_CHAT_COMMANDS:
            raise RestError(400, 30032, "Maximum number of application commands reached (100)")
        self._count_creates([key for key in by_key if key not in self._commands])
        self._commands = {key: self._stored(key, one) for key, one in by_key.items()}
        return web.json_response(list(self._commands.values()))

    async def upsert(self, request: web.Request) -> web.Response:
        """201: a new name; 200: a command of this name was replaced."""
        _check_application(request)
        body = await _json(request)
        if errors := problems_of(body):
            raise _invalid(errors)
        key = (body.get("type", CHAT_INPUT), body["name"])
        is_new = key not in self._commands
        if is_new:
            if sum(kind == CHAT_INPUT for kind, _ in self._commands) >= MAX_CHAT_COMMANDS:
                raise RestError(400, 30032, "Maximum number of application commands reached (100)")
            self._count_creates([key])
        self._commands[key] = self._stored(key, body)
        return web.json_response(self._commands[key], status=201 if is_new else 200)

    async def delete(self, request: web.Request) -> web.Response:
        """204, or 404 for an unknown id."""
        _check_application(request)
        for key, command in self._commands.items():
            if command["id"] == request.match_info["command_id"]:
                del self._commands[key]
                return web.Response(status=204)
        raise RestError(404, 10063, "Unknown application command")

    def _count_creates(self, new: list[tuple[int, str]]) -> None:
        if self.creates + len(new) > MAX_CREATES_PER_DAY:
            raise RestError(
                400,
                30034,
                "Max number of daily application command creates has been reached "
                f"({MAX_CREATES_PER_DAY})",
            )
        self._creates += [self.now()] * len(new)

    def _stored(self, key: tuple[int, str], body: Json) -> Json:
        """As Discord keeps it: a new version unless nothing differs."""
        before = self._commands.get(key)
        full = {**_DEFAULTS, **dict.fromkeys(_LOCALIZATIONS), **body}
        if before is not None and {**before, **full} == before:
            return before
        made = snowflake(int(self.now() * 1000), secrets.randbits(22))
        return {
            **full,
            "id": made if before is None else before["id"],
            "application_id": BOT_ID,
            "version": made,
        }


def _without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_texts(v) for k, v in value.items() if k not in _LOCALIZATIONS}
    return [_without_texts(one) for one in value] if isinstance(value, list) else value


def _check_application(request: web.Request) -> None:
    if request.match_info["application_id"] != BOT_ID:
        raise RestError(403, 20012, "You are not authorized to perform this action")


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError:
        raise RestError(400, 50109, "The request body contains invalid JSON.") from None


def _error(code: str, message: str) -> Json:
    return {"code": code, "message": message}


def _invalid(errors: Json) -> RestError:
    return RestError(400, 50035, "Invalid Form Body", errors=errors)
