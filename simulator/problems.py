"""Discord's error bodies. Source: topics/opcodes-and-status-codes, "JSON Error Codes"."""

import math
from typing import Any

from aiohttp import web

_TITLES = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class RestError(Exception):
    """Raised when a request cannot be answered; becomes Discord's body for it."""

    def __init__(
        self, status: int, code: int, message: str, errors: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def __str__(self) -> str:
        return f"{self.status} {self.message} ({self.code})"

    def response(self) -> web.Response:
        """The answer."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        return web.json_response(body, status=self.status)


def plain(status: int) -> RestError:
    """A failure without a code of its own, such as ``401: Unauthorized``."""
    return RestError(status, 0, f"{status}: {_TITLES.get(status, 'Error')}")


def too_many(retry_after: float, *, is_global: bool, headers: dict[str, str]) -> web.Response:
    """429. ``retry_after`` is in seconds; the header knows whole ones only."""
    body = {
        "message": "You are being rate limited.",
        "retry_after": round(retry_after, 3),
        "global": is_global,
    }
    whole = {"Retry-After": str(math.ceil(retry_after))}
    return web.json_response(body, status=429, headers={**headers, **whole})
