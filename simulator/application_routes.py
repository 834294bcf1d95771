"""REST v10: the own application, and those of games. Source: resources/application."""

from hashlib import sha256

from aiohttp import web

from simulator import BOT_ID, catalogue
from simulator.model import Json
from simulator.oauth_requests import redirect_uris
from simulator.options import Options
from simulator.problems import RestError
from simulator.rest import path_id, user_object
from simulator.signing import PUBLIC_KEY
from simulator.webhook_events import WebhookEvents
from simulator.world import World


class ApplicationRoutes:
    """The handlers, each named for its route."""

    def __init__(self, world: World, options: Options, events: WebhookEvents) -> None:
        self._world = world
        self._options = options
        self._events = events

    def routes(self) -> list[web.RouteDef]:
        """What lies under ``/api/v10``."""
        return [
            web.get("/applications/@me", self.my_application),
            web.patch("/applications/@me", self.change_my_application),
            web.get("/oauth2/applications/@me", self.my_application),
            web.get("/applications/{application_id}/rpc", self.rpc),
            web.get("/games/detectable", self.detectable),
        ]

    async def change_my_application(self, request: web.Request) -> web.Response:
        """The settings of webhook events; other ones are left as they are."""
        await self._events.change(await request.read())
        return await self.my_application(request)

    async def my_application(self, request: web.Request) -> web.Response:
        bot = user_object(self._world.person(BOT_ID).user)
        owner = user_object(next(iter(self._world.people.values())).user)
        members = self._options.allow_members
        presences = self._options.allow_presences
        flags = (1 << 13 if presences else 0) | (1 << 15 if members else 0)
        return web.json_response(
            {
                "id": BOT_ID,
                "name": bot["username"],
                "icon": None,
                "description": "A simulated application.",
                "type": None,
                "bot": bot,
                "summary": "",
                "bot_public": False,
                "bot_require_code_grant": False,
                "verify_key": verify_key(BOT_ID),
                "flags": flags,
                "flags_new": str(flags),
                "redirect_uris": redirect_uris(self._options),
                "interactions_endpoint_url": self._options.interactions_endpoint_url or None,
                "role_connections_verification_url": None,
                "owner": owner,
                "approximate_guild_count": len(self._world.guilds),
                "approximate_user_install_count": 0,
                "approximate_user_authorization_count": 0,
                "explicit_content_filter": 0,
                "team": None,
                "eligible_oauth2_scopes": [],
                **self._events.as_json(),
            }
        )

    async def rpc(self, request: web.Request) -> web.Response:
        """Undocumented, and needs no token."""
        application_id = path_id(request, "application_id")
        for game in catalogue.GAMES:
            if game.application_id == application_id:
                return web.json_response(application_object(game))
        raise RestError(404, 10002, "Unknown Application")

    async def detectable(self, request: web.Request) -> web.Response:
        """Undocumented, and needs no token."""
        return web.json_response(
            [
                {
                    "id": game.application_id,
                    "name": game.application or game.name,
                    "icon_hash": icon_hash(game),
                    "cover_image_hash": None,
                    "aliases": [],
                    "executables": [],
                    "themes": [],
                    "hook": True,
                    "overlay": True,
                }
                for game in catalogue.GAMES
            ]
        )


def application_object(game: catalogue.Game) -> Json:
    """What ``/applications/:id/rpc`` says."""
    return {
        "id": game.application_id,
        "name": game.application or game.name,
        "icon": icon_hash(game),
        "description": "",
        "summary": "",
        "type": 5,
        "is_monetized": False,
        "is_verified": False,
        "is_discoverable": False,
        "cover_image": None,
        "hook": True,
        "storefront_available": False,
        "verify_key": verify_key(game.application_id),
        "flags": 0,
    }


def icon_hash(game: catalogue.Game) -> str | None:
    """32 hex digits; a few applications have no icon."""
    return sha256(game.name.encode()).hexdigest()[:32] if game.has_icon else None


def verify_key(application_id: str) -> str:
    """64 hex digits; only the own application signs anything."""
    if application_id == BOT_ID:
        return PUBLIC_KEY
    return sha256(application_id.encode()).hexdigest()
