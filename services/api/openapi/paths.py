"""Building blocks of the document's paths: parameters, headers, responses and errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

import msgspec

from services.api.openapi import bodies
from services.api.openapi.schemas import Json, ref
from shared.http import errors
from shared.http.errors import ERRORS, RATE_LIMITED, ApiError, InvalidUserId, UserNotMonitored
from shared.redis.store import SnapshotDamaged, StoreUnavailable

HEADERS_ONLY: Final = "Headers only"
"""The tag of HEAD operations."""

ErrorKey = type[Exception] | int | ApiError
"""A key of shared.http.errors.ERRORS, or an error that is not in that table."""

USER_ERRORS: Final = (InvalidUserId, UserNotMonitored, 404, StoreUnavailable, SnapshotDamaged)
"""What a route with a user id in its path may fail with."""

_ALWAYS: Final = (405, RATE_LIMITED, Exception)

USER_ID: Final[Json] = {
    "name": "user_id",
    "in": "path",
    "description": "A Discord user id. To find it: in Discord, turn on Developer Mode, right-click "
    "the user and choose Copy User ID.",
    "required": True,
    "schema": {"type": "string", "pattern": "^[1-9][0-9]{14,18}$"},
    "example": "161092844126208001",  # a user of the simulator, so that the page can try it out
}


def optional(name: str, description: str, schema: Json | None = None, place: str = "query") -> Json:
    """A parameter that may be left out; a string unless `schema` says otherwise."""
    schema = {"type": "string"} if schema is None else schema
    return {
        "name": name,
        "in": place,
        "description": description,
        "required": False,
        "schema": schema,
    }


IF_NONE_MATCH: Final = optional(
    "If-None-Match",
    "The `ETag` of the response that the client has. If it still matches, the response is 304.",
    place="header",
)


def _header(description: str, example: Any, *, required: bool = True, **schema: Any) -> Json:
    schema = {"type": "string", **schema}
    return {
        "description": description,
        "schema": schema,
        "example": example,
        **({"required": True} if required else {}),
    }


HEADERS: Final[dict[str, Json]] = {
    "ETag": _header(
        "Identifies exactly these bytes; for `If-None-Match`.",
        '"4ed426ebad7f528b1caae8ee"',
        pattern='^"[0-9a-f]{24}"$',
    ),
    "Cache-Control": _header(
        "`no-cache`: may be cached, and must be revalidated each time. `no-store`: must not be "
        "cached. Event streams: `no-transform` as well. Pictures: `public`, and for how many "
        "seconds.",
        "no-cache",
        pattern="^(no-cache|no-store(, no-transform)?|"
        "public, max-age=[0-9]+(, stale-[a-z-]+=[0-9]+)*)$",
    ),
    "Vary": _header("The request headers that the response depends on.", "Accept"),
    "Retry-After": _header("Seconds after which to try again.", 5, type="integer", minimum=1),
    "Allow": _header("The methods that the route supports.", "GET, HEAD, OPTIONS"),
    "Location": _header(
        "The address of the picture.",
        "https://cdn.discordapp.com/embed/avatars/1.png",
        format="uri",
    ),
    "X-Grux-Problem": _header(
        "The error code of what the picture reports; `busy`: more pictures are requested than can "
        "be drawn.",
        "user_not_monitored",
        required=False,
    ),
    "X-Grux-Unusable": _header(
        "The parameters whose value could not be used.", "bg, width", required=False
    ),
    "X-Grux-Stale": _header(
        "Only while the gateway is silent: for how many seconds. The response may be as old.",
        42,
        required=False,
        type="integer",
        minimum=0,
    ),
}


def path(
    operation_id: str,
    tag: str,
    summary: str,
    description: str = "",
    *,
    parameters: Iterable[Json] = (),
    responses: Mapping[int, Json],
    errors: Iterable[ErrorKey] = (),
    security: list[Json] | None = None,
) -> Json:
    """A route that GET and HEAD read. HEAD is GET without bodies: RFC 9110, 9.3.2."""
    secured = {} if security is None else {"security": security}
    responses = {**responses, **_error_responses(errors)}
    with_bodies = {str(status): responses[status] for status in sorted(responses)}
    get = {
        "operationId": operation_id,
        "tags": [tag],
        "summary": summary,
        **({"description": description} if description else {}),
        **secured,
        "responses": with_bodies,
    }
    head = {
        "operationId": operation_id.replace("get", "head", 1),
        "tags": [HEADERS_ONLY],
        "summary": summary,
        **secured,
        "responses": {status: _without_body(found) for status, found in with_bodies.items()},
    }
    return {"parameters": list(parameters), "get": get, "head": head}


def write(
    operation_id: str,
    tag: str,
    summary: str,
    description: str,
    *,
    body: Json | None = None,
    security: list[Json],
    errors: Iterable[ErrorKey],
) -> Json:
    """An operation that writes, and responds 204. `body`: the content of the request."""
    done = response("It is written.", headers=["Cache-Control"])
    responses = {204: done, **_error_responses(errors)}
    return {
        "operationId": operation_id,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "security": security,
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": {str(status): responses[status] for status in sorted(responses)},
    }


def response(description: str, content: Json | None = None, *, headers: Iterable[str]) -> Json:
    """`headers`: names in HEADERS, besides the one that every response may carry."""
    names = (*headers, "X-Grux-Stale")
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        **({"content": content} if content else {}),
    }


def cacheable(description: str, content: Json, *headers: str) -> dict[int, Json]:
    """Responses with an ETag, which clients may cache: 200 and 304."""
    headers = ("ETag", "Cache-Control", *headers)
    unchanged = "The client has this response already."
    return {
        200: response(description, content, headers=headers),
        304: response(unchanged, headers=headers),
    }


def content(
    schema: Json, examples: Mapping[str, Any] | None = None, media: str = "application/json"
) -> Json:
    """`examples` by what each of them shows."""
    shown = {
        "".join(word.capitalize() for word in summary.split()): {"summary": summary, "value": value}
        for summary, value in (examples or {}).items()
    }
    return {media: {"schema": schema, **({"examples": shown} if shown else {})}}


def answer(body: type[msgspec.Struct], summary: str, data: Any) -> Json:
    """The content of a JSON answer, with one example of its `data`."""
    return content(ref(body), {summary: {"data": data, "success": True}})


def _without_body(response: Json) -> Json:
    return {key: value for key, value in response.items() if key != "content"}


def _error_responses(keys: Iterable[ErrorKey]) -> dict[int, Json]:
    found = [key if isinstance(key, ApiError) else ERRORS[key] for key in (*keys, *_ALWAYS)]
    by_status = groupby(sorted(found, key=_status), _status)
    return {status: _error_response(list(same)) for status, same in by_status}


def _status(error: ApiError) -> int:
    return error.status


def _error_response(same_status: list[ApiError]) -> Json:
    """One response for all errors of a status; a code with two reasons has two examples."""
    schemas, examples, names = {}, {}, {b"cache-control"}
    for error in same_status:
        name = f"{error.code} 2" if error.code in examples else error.code
        schemas[error.code] = _error_schema(error)
        examples[name] = msgspec.json.decode(errors.body(error))
        names |= {b"retry-after"} if error is RATE_LIMITED else {name for name, _ in error.headers}
    schema, *others = schemas.values()
    return response(
        " or ".join(f"`{code}`" for code in schemas),
        content({"oneOf": [schema, *others]} if others else schema, examples),
        headers=[name for name in HEADERS if name.lower().encode() in names],
    )


def _error_schema(error: ApiError) -> Json:
    """The body of an error with this very code."""
    if error.code == "user_not_monitored":
        return ref(bodies.NotMonitoredAnswer)
    if error.code == "invalid_settings":
        return ref(bodies.InvalidSettingsAnswer)
    code = {"properties": {"code": {"const": error.code}}}
    return {"allOf": [ref(bodies.ErrorAnswer), {"properties": {"error": code}}]}
