"""How a route is described: what it takes and what it answers. operations.py has the routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from services.api.openapi.schemas import Json
from shared.http.errors import ApiError, InvalidUserId, UserNotMonitored
from shared.redis.store import SnapshotDamaged, StoreUnavailable

JSON: Final = "application/json"
HTML: Final = "text/html"

ProblemKey = type[Exception] | int | ApiError
"""Of shared.http.errors.ERRORS, or one that does not stand there."""


class Parameter(Struct, frozen=True, kw_only=True):
    """Something that a client may or must say."""

    name: str
    place: Literal["path", "query", "header"]
    text: str
    schema: Json
    example: Any = None
    required: bool = False


class Content(Struct, frozen=True, kw_only=True):
    """One form in which a route answers."""

    media: str = JSON
    schema: type[Struct] | Json
    examples: Mapping[str, Any] = {}  # by what they show


class Reply(Struct, frozen=True, kw_only=True):
    """What one status comes with. Several contents: the client's Accept chooses."""

    text: str
    contents: tuple[Content, ...] = ()
    headers: tuple[str, ...] = ()  # names in headers.HEADERS


class Operation(Struct, frozen=True, kw_only=True):
    """A route that is read by GET and HEAD.

    What every route may answer (405, 429, 500) is added by document.py.
    """

    path: str  # as the router spells it
    name: str
    tag: str
    summary: str
    text: str = ""
    parameters: tuple[Parameter, ...] = ()
    replies: Mapping[int, Reply]
    problems: tuple[ProblemKey, ...] = ()


USER_ID: Final = Parameter(
    name="user_id",
    place="path",
    text="A Discord user id. In Discord: Developer Mode, right-click the user, Copy User ID.",
    schema={"type": "string", "pattern": "^[1-9][0-9]{14,19}$"},
    example="161092844126208001",  # somebody in the simulator: to be tried out
    required=True,
)

IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    place="header",
    text="The `ETag` of the answer that the client has: if it is still the same, 304 comes.",
    schema={"type": "string"},
)

OF_A_USER: Final[tuple[ProblemKey, ...]] = (
    InvalidUserId,
    UserNotMonitored,
    404,
    StoreUnavailable,
    SnapshotDamaged,
)
"""What a route with a user's id in its path may fail with."""


def kept(text: str, *contents: Content, headers: tuple[str, ...] = ()) -> dict[int, Reply]:
    """Replies that clients may keep but ask about each time: shared.http.responses.cacheable."""
    names = ("ETag", "Cache-Control", *headers)
    return {
        200: Reply(text=text, contents=contents, headers=names),
        304: Reply(text="The client has this answer already.", headers=names),
    }
