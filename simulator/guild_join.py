"""One-click join: a person enters a guild by their own consent. Source: resources/guild."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from simulator import dispatches
from simulator.model import Guild, Json, Member, Person
from simulator.oauth_grants import Grants
from simulator.problems import RestError
from simulator.rest import path_id, user_object
from simulator.world import World

Outcome = Literal[
    "joined",
    "pending",
    "requested",
    "banned",
    "server_limit",
    "server_full",
    "limited",
    "unverified",
    "not_verified_yet",
    "under_age",
    "missing_permission",
]
"""pending: with membership screening to do. requested: somebody lets them in later."""

REFUSALS: Final[dict[Outcome, tuple[int, int, str]]] = {
    "missing_permission": (403, 50013, "Missing Permissions"),
    "banned": (403, 40007, "The user is banned from this guild."),
    "server_limit": (400, 30001, "You are at the 100 server limit."),
    "server_full": (403, 30019, "Maximum number of server members reached"),
    "limited": (403, 340015, "Access to joining new servers has been limited for the user"),
    "unverified": (403, 40002, "You need to verify your account in order to perform this action."),
    "not_verified_yet": (403, 50178, "The user account must first be verified"),
    "under_age": (403, 20024, "Under minimum age"),
}


class JoinRule(Struct, frozen=True):
    """What becomes of an attempt to join."""

    outcome: Outcome = "joined"
    let_in_after: float | None = None
    """requested: after so many seconds; None: never."""


class _Body(Struct):
    access_token: str
    nick: Annotated[str, Meta(max_length=32)] | None = None
    roles: list[str] = []


class GuildJoins:
    """``PUT /guilds/{guild_id}/members/{user_id}``, and what a command says becomes of it."""

    def __init__(self, world: World, grants: Grants) -> None:
        self._world = world
        self._grants = grants
        self._rules: dict[tuple[str | None, str | None], JoinRule] = {}
        self._waiting: set[asyncio.TimerHandle] = set()

    def routes(self) -> list[web.RouteDef]:
        """What lies under ``/api/v10``."""
        return [web.put("/guilds/{guild_id}/members/{user_id}", self.add)]

    def set_rule(self, guild_id: str | None, user_id: str | None, rule: JoinRule) -> None:
        """From now on; None: for every guild, for every person. The narrowest rule counts."""
        self._rules[guild_id, user_id] = rule

    def clear(self) -> None:
        """Everybody may join everywhere."""
        self._rules.clear()

    def close(self) -> None:
        """Nobody is let in any more."""
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()

    async def add(self, request: web.Request) -> web.Response:
        """201 and the member, 204 for who is inside, or a refusal."""
        guild_id, user_id = path_id(request, "guild_id"), path_id(request, "user_id")
        body = _body(await request.read())
        guild = self._world.guilds.get(guild_id)
        if guild is None:
            raise RestError(403, 50001, "Missing Access")
        rule = self._rule(guild_id, user_id)
        if rule.outcome == "missing_permission":
            raise RestError(*REFUSALS[rule.outcome])
        self._check_token(body.access_token, user_id)
        if user_id in guild.members:
            return web.Response(status=204)
        if rule.outcome in REFUSALS:
            raise RestError(*REFUSALS[rule.outcome])
        member = Member(
            nick=body.nick,
            roles=body.roles,
            joined_at=datetime.now(UTC).isoformat(),
            pending=rule.outcome != "joined",
        )
        person = self._world.person(user_id)
        if rule.outcome == "requested":
            if rule.let_in_after is not None:
                self._let_in_later(guild, person, member, rule.let_in_after)
        else:
            self._world.add_member(guild_id, user_id, member)
        answer: Json = {**dispatches.member(person.user, member), "user": user_object(person.user)}
        return web.json_response(answer, status=201)

    def _rule(self, guild_id: str, user_id: str) -> JoinRule:
        for key in ((guild_id, user_id), (None, user_id), (guild_id, None), (None, None)):
            if key in self._rules:
                return self._rules[key]
        return JoinRule()

    def _check_token(self, access_token: str, user_id: str) -> None:
        pair = self._grants.find(access_token)
        if pair is None or pair.user_id != user_id:
            raise RestError(403, 50025, "Invalid OAuth2 access token")
        if "guilds.join" not in pair.scopes:
            raise RestError(403, 50026, "Missing required OAuth2 scope")

    def _let_in_later(self, guild: Guild, person: Person, member: Member, seconds: float) -> None:
        def let_in() -> None:
            self._waiting.discard(handle)
            if guild.id in self._world.guilds and person.user.id not in guild.members:
                member.pending = False
                self._world.add_member(guild.id, person.user.id, member)

        handle = asyncio.get_running_loop().call_later(seconds, let_in)
        self._waiting.add(handle)


def _body(raw: bytes) -> _Body:
    try:
        return msgspec.json.decode(raw, type=_Body)
    except msgspec.DecodeError as wrong:
        errors = {"_errors": [{"code": "MODEL_TYPE_CONVERT", "message": str(wrong)}]}
        raise RestError(400, 50035, "Invalid Form Body", errors=errors) from None
