"""Whole HTTP responses, for whatever does not become a WebSocket or an event stream."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct
from websockets.datastructures import Headers
from websockets.http11 import Response


class PlainResponse(Struct, frozen=True):
    """The client gets this, and the connection ends."""

    response: bytes
    slow: bool = False  # the client would connect again at once: let it wait


def error(
    status: HTTPStatus,
    code: str,
    message: str,
    *,
    with_body: bool = True,
    retry_after_s: float | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> PlainResponse:
    """An error in the shape of the REST API. `more`: further members of `error`."""
    added = dict(headers or {})
    if retry_after_s is not None:
        added["Retry-After"] = str(math.ceil(retry_after_s))
    body = {"error": {"code": code, "message": message, **more}, "success": False}
    return json(status, msgspec.json.encode(body), with_body=with_body, headers=added)


def json(
    status: HTTPStatus,
    body: bytes,
    *,
    with_body: bool = True,
    headers: Mapping[str, str] | None = None,
) -> PlainResponse:
    """`with_body`: False for the response to a HEAD."""
    all_headers = Headers(
        {
            "Connection": "close",
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            "X-Content-Type-Options": "nosniff",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "Retry-After",
            "Cache-Control": "no-store",
            **(headers or {}),
        }
    )
    shown = body if with_body else b""
    return PlainResponse(Response(status.value, status.phrase, all_headers, shown).serialize())
