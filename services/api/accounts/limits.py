"""How often people may sign in and change their accounts."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from starlette.requests import Request

from shared.http.errors import AccountRateLimited
from shared.net.client_address import ClientResolver, Networks, budget, forwarded_for_tail
from shared.net.fixed_window import FixedWindowCounter

EVERYBODY: Final = "everybody"


class LimitCounts(Struct, frozen=True):
    """In a minute."""

    sign_ins_per_address: int = 20
    sign_ins: int = 300
    """Of all addresses, in this process: each is three requests to Discord, which blocks an
    address that sends 10,000 invalid ones in ten minutes."""
    changes_per_user: int = 60


class AccountLimits:
    """Counts in windows of a minute. Every method raises AccountRateLimited."""

    def __init__(self, proxies: Networks, counts: LimitCounts | None = None) -> None:
        """`proxies`: those whose X-Forwarded-For is believed."""
        self._counts = counts or LimitCounts()
        self._clients = ClientResolver(proxies)
        self._sign_ins = FixedWindowCounter()
        self._changes = FixedWindowCounter()

    def count_callback(self, request: Request) -> None:
        """Of its address, before anything else. It takes nothing from others."""
        lines = [
            value.decode("latin-1")
            for name, value in request.scope["headers"]
            if name == b"x-forwarded-for"
        ]
        peer = request.scope["client"]
        address = self._clients.client_ip(peer[0], forwarded_for_tail(lines)) if peer else None
        if address is not None:
            limit = budget(address, self._counts.sign_ins_per_address)
            if self._sign_ins.count(address) > limit:
                raise _limited(self._sign_ins)

    def count_sign_in(self) -> None:
        """Of everybody, right before Discord is asked: callbacks that nobody began do not count."""
        if self._sign_ins.count(EVERYBODY) > self._counts.sign_ins:
            raise _limited(self._sign_ins)

    def count_change(self, user_id: int) -> None:
        """Before anything of the user is written."""
        if self._changes.count(str(user_id)) > self._counts.changes_per_user:
            raise _limited(self._changes)


def _limited(counter: FixedWindowCounter) -> AccountRateLimited:
    return AccountRateLimited(max(1, round(counter.remaining_s)))
