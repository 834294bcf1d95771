"""How the routes of accounts answer people and programs.

What a route raises becomes a page for browsers; programs get the JSON of shared/http/errors.py.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.api.accounts import other_pages
from services.api.accounts.address import NoPublicAddress
from services.api.accounts.discord_answers import ClientRejected, DiscordAway
from services.api.http.negotiation import prefers_html
from services.api.http.security_headers import private_html_response
from shared.http.errors import (
    AccountRateLimited,
    DiscordUnavailable,
    Forbidden,
    InvalidRequestBody,
    JoinFailed,
    RequestBodyTimeout,
    RequestBodyTooLarge,
    SignInOff,
    Unauthorized,
)
from shared.http.responses import NO_STORE, WRITE_METHODS, Header, redirect
from shared.redis.store import StoreUnavailable

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

_AGAIN = "Go back and try again in a moment."


def prefers_page(request: Request) -> bool:
    """Whether a person reads the answer."""
    return prefers_html(request.headers.get("accept", ""))


def root_of(request: Request) -> str:
    """The relative address of `/`, as the browser sees the path."""
    return "../" * (request.url.path.count("/") - 1) or "./"


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with a page for each exception where a person reads it."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (DiscordAway, ClientRejected) as error:
            log.warning("accounts: Discord could not be asked: %s", error)
            if not prefers_page(request):
                raise DiscordUnavailable from None
            return _page(request, 503, "Discord does not answer", _AGAIN)
        except NoPublicAddress as error:
            if not prefers_page(request):
                raise SignInOff(str(error)) from None
            return _page(request, 404, "Nobody can sign in at this address", str(error))
        except Exception as error:
            if not prefers_page(request):
                raise
            found = _page_of(request, error)
            if found is None:
                raise
            return found

    return answer


def by_method(path: str, **endpoints: Endpoint) -> Route:
    """One route for all methods of a path, so that a 405 names them all."""

    async def answer(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return Route(path, answering(answer), methods=list(endpoints))


def message_page(
    status: int,
    title: str,
    texts: Sequence[str],
    links: Sequence[tuple[str, str]],
    headers: Sequence[Header] = (),
    root: str = "../",
) -> Response:
    """What happened, why, and what to do."""
    body = other_pages.message(title, texts, links=links, root=root)
    return private_html_response(status, body, other_pages.POLICY, *headers)


def _page(request: Request, status: int, title: str, text: str, *headers: Header) -> Response:
    root = root_of(request)
    links = ((f"{root}me", "Your presence"), (root, "Start page"))
    return message_page(status, title, [text], links, headers, root)


def _page_of(request: Request, error: Exception) -> Response | None:
    root = root_of(request)
    match error:
        case SignInOff():
            body = other_pages.commands(root=root)
            return private_html_response(200, body, other_pages.POLICY)
        case Unauthorized():
            return redirect(303, f"{root}me".encode(), NO_STORE)
        case Forbidden():
            return _page(
                request,
                403,
                "Nothing was changed",
                "This form was open for too long, or it is not of this site. Open the page again, "
                "and send it from there.",
            )
        case JoinFailed():
            return _page(request, 409, "You have not joined the server", str(error))
        case AccountRateLimited():
            wait = (b"retry-after", b"%d" % error.retry_after_s)
            text = f"Wait {error.retry_after_s} seconds, then try again."
            return _page(request, 429, "That was too often", text, wait)
        case StoreUnavailable():
            writes = request.method in WRITE_METHODS
            return _page(
                request,
                503,
                "Your settings cannot be reached right now",
                f"Redis does not answer{', and nothing was changed' if writes else ''}. {_AGAIN}",
                (b"retry-after", b"5"),
            )
        case RequestBodyTooLarge():
            return _page(request, 413, "That is too much", "Nothing was changed. Write less.")
        case InvalidRequestBody() | RequestBodyTimeout():
            return _page(
                request, 400, "This form did not arrive whole", f"Nothing was changed. {_AGAIN}"
            )
    return None
