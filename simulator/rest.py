"""REST v10: users and guilds, as a bot sees them. Source: resources/user, guild; topics/gateway."""

from typing import Final

from aiohttp import web

from simulator import BOT_ID, dispatches
from simulator.gateway import gateway_url
from simulator.identify_limits import IdentifyLimits
from simulator.model import Guild, Json, Person, User
from simulator.oauth_grants import TokenPair
from simulator.options import Options
from simulator.problems import RestError, plain
from simulator.rest_middleware import BEARER
from simulator.snowflakes import is_snowflake
from simulator.world import World

_MOST_MEMBERS: Final = 1000
_MOST_GUILDS: Final = 200


class Rest:
    """The handlers, each named for its route."""

    def __init__(self, world: World, identify_limits: IdentifyLimits, options: Options) -> None:
        self._world = world
        self._identify_limits = identify_limits
        self._options = options

    def routes(self) -> list[web.RouteDef]:
        """Everything under ``/api/v10``."""
        return [
            web.get("/gateway", self.gateway),
            web.get("/gateway/bot", self.gateway_bot),
            web.get("/users/@me", self.me),
            web.get("/users/@me/guilds", self.my_guilds),
            web.get("/users/{user_id}", self.user),
            web.get("/users/{user_id}/profile", self.profile),
            web.get("/guilds/{guild_id}", self.guild),
            web.get("/guilds/{guild_id}/members", self.members),
            web.get("/guilds/{guild_id}/members/search", self.search),
            web.get("/guilds/{guild_id}/members/{user_id}", self.member),
        ]

    async def gateway(self, request: web.Request) -> web.Response:
        return web.json_response({"url": gateway_url(request)})

    async def gateway_bot(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "url": gateway_url(request),
                "shards": self._options.shards,
                "session_start_limit": self._identify_limits.start_limit(),
            }
        )

    async def me(self, request: web.Request) -> web.Response:
        """The bot, or the person whose token this is: with the scopes that they granted."""
        pair = request.get(BEARER)
        if pair is not None:
            return web.json_response(self._own_user(pair))
        own = {"mfa_enabled": True, "locale": "en-US", "verified": True, "email": None}
        return web.json_response({**user_object(self._world.person(BOT_ID).user), **own})

    def _own_user(self, pair: TokenPair) -> Json:
        if "identify" not in pair.scopes:
            raise plain(401)
        user = self._world.person(pair.user_id).user
        own: Json = {"mfa_enabled": True, "locale": "en-US", "premium_type": 0}
        if "email" in pair.scopes:
            own |= {"email": f"{user.username}@example.org", "verified": True}
        return {**user_object(user), **own}

    async def user(self, request: web.Request) -> web.Response:
        return web.json_response(user_object(self._person(request).user))

    async def profile(self, request: web.Request) -> web.Response:
        """User accounts only. Source: topics/opcodes-and-status-codes, code 20001."""
        raise RestError(403, 20001, "Bots cannot use this endpoint")

    async def my_guilds(self, request: web.Request) -> web.Response:
        """A page, by id: the first after ``after``, else the last before ``before``."""
        limit = _integer(request, "limit", 1, _MOST_GUILDS, default=_MOST_GUILDS)
        after = _integer(request, "after", 0, 1 << 64, default=0)
        before = _integer(request, "before", 0, 1 << 64, default=1 << 64)
        ids = sorted((i for i in self._world.guilds if after < int(i) < before), key=int)
        page = ids[-limit:] if "before" in request.query else ids[:limit]
        counted = _with_counts(request)
        guilds = [self._world.guilds[guild_id] for guild_id in page]
        return web.json_response(
            [
                {
                    "id": guild.id,
                    "name": guild.name,
                    "icon": guild.icon,
                    "banner": None,
                    "owner": False,
                    "permissions": "2248473465835073",
                    "features": [],
                    **(self._counts(guild) if counted else {}),
                }
                for guild in guilds
            ]
        )

    async def guild(self, request: web.Request) -> web.Response:
        guild = self._guild(request)
        answer = dispatches.guild_outline(guild)
        if _with_counts(request):
            answer |= self._counts(guild)
        return web.json_response(answer)

    async def members(self, request: web.Request) -> web.Response:
        """Members by id, after ``after``. Needs GUILD_MEMBERS in the portal."""
        guild = self._guild(request)
        self._need_members_intent()
        limit = _integer(request, "limit", 1, _MOST_MEMBERS, default=1)
        after = _integer(request, "after", 0, 1 << 64, default=0)
        ids = sorted((i for i in guild.members if int(i) > after), key=int)[:limit]
        return web.json_response([self._member_object(guild, user_id) for user_id in ids])

    async def search(self, request: web.Request) -> web.Response:
        guild = self._guild(request)
        limit = _integer(request, "limit", 1, _MOST_MEMBERS, default=1)
        prefix = request.query.get("query", "").casefold()
        found: list[Json] = []
        for user_id, seen in guild.members.items():
            user = self._world.people[user_id].user
            names = (user.username, user.global_name or "", seen.nick or "")
            if len(found) < limit and any(n.casefold().startswith(prefix) for n in names):
                found.append(self._member_object(guild, user_id))
        return web.json_response(found)

    async def member(self, request: web.Request) -> web.Response:
        guild = self._guild(request)
        user_id = path_id(request, "user_id")
        if user_id not in guild.members:
            if user_id in self._world.people:
                raise RestError(404, 10007, "Unknown Member")
            raise RestError(404, 10013, "Unknown User")
        return web.json_response(self._member_object(guild, user_id))

    # --- the parts ------------------------------------------------------------------------

    def _person(self, request: web.Request) -> Person:
        person = self._world.people.get(path_id(request, "user_id"))
        if person is None:
            raise RestError(404, 10013, "Unknown User")
        return person

    def _guild(self, request: web.Request) -> Guild:
        guild = self._world.guilds.get(path_id(request, "guild_id"))
        if guild is None:
            raise RestError(404, 10004, "Unknown Guild")
        return guild

    def _counts(self, guild: Guild) -> Json:
        """How many there are, and how many of them are not offline."""
        people = (self._world.people[user_id] for user_id in guild.members)
        return {
            "approximate_member_count": len(guild.members),
            "approximate_presence_count": sum(
                person.presence.status != "offline" for person in people
            ),
        }

    def _need_members_intent(self) -> None:
        if not self._options.allow_members:
            raise RestError(403, 50001, "Missing Access")

    def _member_object(self, guild: Guild, user_id: str) -> Json:
        user = self._world.people[user_id].user
        seen = dispatches.member(user, guild.members[user_id])
        return {**seen, "user": user_object(user)}


def user_object(user: User) -> Json:
    """``bot`` is there for bots alone."""
    answer = {name: getattr(user, name) for name in user.__struct_fields__ if name != "bot"}
    return {**answer, "bot": True} if user.bot is True else answer


def path_id(request: web.Request, name: str) -> str:
    """The id at this place of the path. Raises `RestError` if it cannot be one."""
    text = request.match_info[name]
    if is_snowflake(text):
        return text
    raise RestError(
        400,
        50035,
        "Invalid Form Body",
        errors={
            name: {
                "_errors": [
                    {
                        "code": "NUMBER_TYPE_COERCE",
                        "message": f'Value "{text}" is not snowflake.',
                    }
                ]
            }
        },
    )


def _with_counts(request: web.Request) -> bool:
    return request.query.get("with_counts") in {"true", "1"}


def _integer(request: web.Request, name: str, least: int, most: int, *, default: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if text.isdecimal() and least <= int(text) <= most:
        return int(text)
    message = f"int value should be greater than or equal to {least} and at most {most}."
    errors = {name: {"_errors": [{"code": "NUMBER_TYPE_RANGE", "message": message}]}}
    raise RestError(400, 50035, "Invalid Form Body", errors=errors)
