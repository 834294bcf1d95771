"""Forms as browsers send them: `application/x-www-form-urlencoded`, bounded."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct
from starlette.requests import Request

from services.api.http.request_body import read_body
from shared.http.errors import InvalidRequestBody

MAX_FORM_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 500

FORM: Final = "application/x-www-form-urlencoded"


class Form(Struct, frozen=True):
    """Names and values in the order in which they were sent."""

    fields: tuple[tuple[str, str], ...]

    def one(self, name: str) -> str:
        """The last value of that name; empty if there is none."""
        return next((value for key, value in reversed(self.fields) if key == name), "")


async def read_form(request: Request) -> Form | None:
    """None: the request is no form. Raises InvalidRequestBody, RequestBodyTooLarge and …Timeout."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        return None
    body = await read_body(request, MAX_FORM_BYTES)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:  # of UnicodeDecodeError, too
        raise InvalidRequestBody(
            "The body is not a form in UTF-8, or has too many fields."
        ) from None
    return Form(tuple(pairs))


async def read_object(request: Request) -> dict[str, Any]:
    """A JSON object. Raises as `read_form` does."""
    body = await read_body(request, MAX_FORM_BYTES)
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidRequestBody("The body has to be a JSON object.")
    return found
