"""Lanyard's REST API: /v1, the quick links to avatars, and /discord. See docs/lanyard.md."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.api.endpoints.avatar import avatar_redirect
from services.api.http.request_body import read_body
from services.api.key_value import KeyValueService
from services.api.middleware.response_cache import LANYARD_PATH, ResponseCache
from shared.config import ApiSettings
from shared.discord import snowflake
from shared.http import errors
from shared.http.errors import ApiError, NoPermission, RequestBodyTooLarge, UserNotMonitored
from shared.http.responses import (
    NO_STORE,
    CacheableResponse,
    RawResponse,
    cacheable,
    envelope,
    json_response,
    no_content,
    redirect,
)
from shared.model import key_value, lanyard
from shared.model.key_value import InvalidKvValue, KvRejected
from shared.profiles.user_reader import UserReader
from shared.redis.store import SnapshotDamaged, Store

QUICK_LINK_FORMATS: Final = ("png", "gif", "webp", "jpg", "jpeg")
ME: Final = "@me"

_AVATAR_SIZE_PX: Final = 1024
_PATCH_OVERHEAD: Final = 6  # a character of one byte may be written in six: \u0061
_VARY: Final = (b"vary", b"Authorization")


_WRITE_METHODS: Final = {"kv": ("PATCH",), "kv/{key}": ("PUT", "DELETE")}
"""By what follows the user in the path."""


class LanyardEndpoints:
    """Each endpoint may raise the exceptions that shared.http.errors turns into responses."""

    def __init__(
        self,
        store: Store,
        users: UserReader,
        kv: KeyValueService,
        settings: ApiSettings,
        cache: ResponseCache,
    ) -> None:
        self._store = store
        self._users = users
        self._kv = kv
        self._cache = cache
        self._invite = settings.discord_invite

    def routes(self) -> list[Route]:
        return [
            Route(f"{LANYARD_PATH}{ME}", self.me),
            Route(f"{LANYARD_PATH}{{user_id}}", self.user),
            *(
                Route(f"{LANYARD_PATH}{{user_id}}/{rest}", endpoint, methods=_WRITE_METHODS[rest])
                for rest, endpoint in (("kv", self.patch), ("kv/{key}", self.pair))
            ),
            Route("/discord", self.discord),
            *(Route(f"/{{user_id}}.{kind}", self.quick_link) for kind in QUICK_LINK_FORMATS),
        ]

    async def user(self, request: Request) -> RawResponse:
        """`data`: shared.model.lanyard.LanyardPresence"""
        response = await self._load(_monitored_id(request.path_params["user_id"]))
        return response.answer(request.scope["headers"])

    async def me(self, request: Request) -> RawResponse:
        """The same of the user whose key the request has."""
        user_id = await self._kv.owner(_key_of(request))
        known = self._cache.get(f"{LANYARD_PATH}{user_id}") or await self._load(user_id)
        return cacheable(known.body, _VARY).answer(request.scope["headers"])

    async def pair(self, request: Request) -> Response:
        """PUT or DELETE one pair. The body of a PUT is the value, whatever its Content-Type."""
        user_id = await self._writer(request)
        name, key = request.path_params["key"], _key_of(request)
        if request.method == "DELETE":
            await self._kv.change(user_id, lambda kv: key_value.without(kv, name), key)
            return no_content()
        limits = self._kv.limits
        try:
            value = key_value.parse_value(await read_body(request, limits.max_bytes))
        except RequestBodyTooLarge:
            raise KvRejected from None
        except InvalidKvValue:
            raise InvalidKvValue("value must be text in UTF-8") from None
        await self._kv.change(user_id, lambda kv: key_value.put(kv, name, value, limits), key)
        return no_content()

    async def patch(self, request: Request) -> Response:
        """Write the pairs of a JSON object, all of them or none."""
        user_id = await self._writer(request)
        limits = self._kv.limits
        pairs = key_value.parse_pairs(await read_body(request, limits.max_bytes * _PATCH_OVERHEAD))
        await self._kv.change(
            user_id, lambda kv: key_value.patch(kv, pairs, limits), _key_of(request)
        )
        return no_content()

    async def quick_link(self, request: Request) -> RawResponse:
        """302 to the avatar. A static one has no GIF, and gets a JPEG."""
        text = request.path_params["user_id"]
        if "." in text:
            raise HTTPException(404)
        image_format = request.url.path.rpartition(".")[2]
        user = await self._users.view(_monitored_id(text))
        return avatar_redirect(request, user, image_format, _AVATAR_SIZE_PX, still="jpg")

    async def discord(self, _request: Request) -> RawResponse:
        """302 to DISCORD_INVITE."""
        if not self._invite:
            raise HTTPException(404)
        return redirect(302, self._invite.encode("ascii", "replace"), NO_STORE)

    async def _writer(self, request: Request) -> int:
        """The user whose store the request may write."""
        user_id = await self._kv.owner(_key_of(request))
        if request.path_params["user_id"] not in (ME, str(user_id)):
            raise NoPermission
        self._kv.count_write(user_id)
        return user_id

    async def _load(self, user_id: int) -> CacheableResponse:
        with self._cache.loading(user_id) as load:
            [found] = await self._store.load_many([user_id], with_discord={user_id})
            if isinstance(found, SnapshotDamaged):
                raise found
            if found is None:
                raise UserNotMonitored
            kv, until = found.kv, float("inf")
            if kv is None:
                kv, until = await self._users.kv_without_copy(user_id)
            body = lanyard.presence(found.discord or b"", kv)
            if body is None:
                raise SnapshotDamaged("the saved objects of Discord are damaged")
            response = cacheable(envelope(body))
            load.store(LANYARD_PATH, found.version, response, until=until)
        return response


_UPGRADE_FAILED: Final = ApiError(
    400,
    "upgrade_failed",
    "This path is a WebSocket's, and this request does not open one. Connect a WebSocket client "
    "that speaks Lanyard's protocol: see /docs/websocket.",
)


async def no_handshake(_request: Request) -> RawResponse:
    """A WebSocket never gets here: see services.api.http.websocket_forwarding."""
    return json_response(_UPGRADE_FAILED.status, errors.body(_UPGRADE_FAILED))


SOCKET_ROUTE: Final = Route("/socket", no_handshake)
"""Not one of `routes`: AsyncAPI describes it, OpenAPI cannot."""


def write_methods(path: str) -> tuple[str, ...]:
    """Those of a path of the key-value store; none for another path."""
    if not path.startswith(LANYARD_PATH):
        return ()
    match path[len(LANYARD_PATH) :].rstrip("/").split("/"):
        case [_, "kv"]:
            return _WRITE_METHODS["kv"]
        case [_, "kv", _]:
            return _WRITE_METHODS["kv/{key}"]
    return ()


def _monitored_id(text: str) -> int:
    """Raises UserNotMonitored for what is no id, as Lanyard does."""
    user_id = snowflake.parse(text)
    if user_id is None:
        raise UserNotMonitored
    return user_id


def _key_of(request: Request) -> bytes:
    """The first Authorization header: the bare key."""
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            return bytes(value)
    raise NoPermission
