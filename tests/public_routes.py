"""Every public route: how a test asks it about a user, or why it shows nobody.

`tests/test_public_routes.py` compares this with the routers, so a new route has to be entered here.
`tests/e2e/test_hidden.py` sends the requests: what people hide is in no answer.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, cast

from starlette.routing import Route

from services.api import app
from services.api.endpoints import static
from services.api.endpoints.lanyard import SOCKET_ROUTE
from services.api.middleware.response_cache import ResponseCache
from shared.config import ApiSettings
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store
from tests.cards.cards_fixture import card_paths

Service = Literal["api", "cards", "ws"]

SHOWING: Final[dict[Service, dict[str, tuple[str, ...]]]] = {
    "api": {
        "/user/{user_id}": ("/user/{id}",),
        "/activity/{user_id}": ("/activity/{id}",),
        "/users": ("/users?ids={id}",),
        "/history/{user_id}": ("/history/{id}",),
        "/check/{user_id}": ("/check/{id}",),
        "/now-playing/{user_id}": ("/now-playing/{id}",),
        "/now-playing/{user_id}.txt": ("/now-playing/{id}.txt",),
        "/u/{user_id}": ("/u/{id}",),
        "/oembed": ("/oembed?url={api}/u/{id}",),
        "/v1/users/{user_id}": ("/v1/users/{id}",),
        "/avatar/{user_id}": ("/avatar/{id}",),
        "/avatar/{user_id}.png": ("/avatar/{id}.png?size=64",),
        "/avatar/{user_id}.webp": ("/avatar/{id}.webp",),
        "/avatar/{user_id}.gif": ("/avatar/{id}.gif",),
        **{f"/{{user_id}}.{kind}": (f"/{{id}}.{kind}",) for kind in ("png", "gif", "webp")},
        **{f"/{{user_id}}.{kind}": (f"/{{id}}.{kind}",) for kind in ("jpg", "jpeg")},
    },
    "cards": {
        "/card/{user_id}.svg": ("/card/{id}.svg",),
        "/card/{user_id}.png": ("/card/{id}.png",),
        "/now-playing/{user_id}.svg": ("/now-playing/{id}.svg",),
        "/now-playing/{user_id}.png": ("/now-playing/{id}.png",),
        "/badge/{user_id}.svg": ("/badge/{id}.svg",),
        "/badge/{user_id}.json": ("/badge/{id}.json",),
    },
    "ws": {"/events": ("/events?user_id={id}",)},
}
"""By the path in the router: requests that show the user `{id}`. `{api}`: PUBLIC_URL."""

NOWHERE: Final = "redis://127.0.0.1:1"

UNCHANGING: Final[dict[Service, dict[str, tuple[str, ...]]]] = {
    "api": {
        "/": ("/?user={id}",),
        "/overlay/{user_id}": ("/overlay/{id}",),
        "/embed/{user_id}": ("/embed/{id}?compact=true",),
    },
    "cards": {},
    "ws": {},
}
"""Routes that name the user and are the same for every user."""

_FILE: Final = "a file"
_OWN: Final = "asks for the session or the key of the user, who sees their own"

IMPERSONAL: Final[dict[Service, dict[str, str]]] = {
    "api": {
        **dict.fromkeys(("/openapi.json", "/asyncapi.json", "/privacy"), _FILE),
        **dict.fromkeys(("/docs", "/docs/websocket", "/docs/{name}"), _FILE),
        **dict.fromkeys(("/docs/{folder}/{name}", "/llms.txt"), _FILE),
        **dict.fromkeys(("/health", "/ready"), "the process"),
        "/discord": "the operator's server",
        "/socket": "a WebSocket: tests/e2e/readers.py connects to ws",
        **dict.fromkeys(("/auth/login", "/auth/callback", "/auth/logout"), "signing in"),
        **dict.fromkeys(("/me", "/me/export", "/me/erase", "/me/join"), _OWN),
        **dict.fromkeys(("/me/key", "/me/key/delete", "/v1/users/@me"), _OWN),
        **dict.fromkeys(("/v1/users/{user_id}/kv", "/v1/users/{user_id}/kv/{key}"), _OWN),
        "/webhooks/discord": "asks for Discord's signature",
    },
    "cards": {},
    "ws": {
        **dict.fromkeys(("/health", "/ready"), "the process"),
        "/socket": "a WebSocket: tests/e2e/readers.py connects to it",
    },
}
"""Routes that show nobody to others, and why."""


def entered(service: Service) -> set[str]:
    """The paths with an entry here."""
    groups: Iterable[Iterable[str]] = (g[service] for g in (SHOWING, UNCHANGING, IMPERSONAL))
    return {path for group in groups for path in group}


def routed(service: Service) -> set[str]:
    """The paths that the service answers."""
    if service == "api":
        return {route.path_format for route in _api_routes()}
    return card_paths() if service == "cards" else _ws_paths()


def static_files() -> set[str]:
    """The paths of the files that api serves."""
    return {route.path for route in static.routes(ApiSettings())}


def _api_routes() -> list[Route]:
    store, users = Store.connect(NOWHERE), cast("UserReader", None)
    return [*app.routes(store, users, ApiSettings(), ResponseCache(), None), SOCKET_ROUTE]


def _ws_paths() -> set[str]:
    """ws has no router: the paths that are written in its code, besides any other path."""
    written = {
        node.value
        for file in (Path(__file__).parents[1] / "services/ws").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {path for path in written if re.fullmatch(r"/[a-z][a-z0-9-]*", path)} | {"/socket"}
