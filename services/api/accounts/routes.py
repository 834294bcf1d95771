"""All routes of accounts."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import Route

from services.api.accounts.account_data import AccountData
from services.api.accounts.joining import JoinService
from services.api.accounts.me import MeEndpoints
from services.api.accounts.service import AccountService
from services.api.accounts.sign_in import SignInEndpoints
from services.api.accounts.webhook import WebhookEndpoint
from shared.http.responses import WRITE_METHODS
from shared.profiles.user_reader import UserReader


def account_routes(accounts: AccountService, users: UserReader) -> list[Route]:
    """They are there even if signing in is off: then they explain the commands instead."""
    return [
        *SignInEndpoints(accounts).routes(),
        *MeEndpoints(accounts, AccountData(accounts, users), JoinService(accounts)).routes(),
        *WebhookEndpoint(accounts).routes(),
    ]


def methods_of(routes: Sequence[Route]) -> dict[str, bytes]:
    """The value of Allow for each path that can be written."""
    found: dict[str, bytes] = {}
    for route in routes:
        methods = route.methods or set()
        if not methods.isdisjoint(WRITE_METHODS):
            known = [method for method in ("GET", "HEAD", *WRITE_METHODS) if method in methods]
            found[route.path] = ", ".join([*known, "OPTIONS"]).encode()
    return found
