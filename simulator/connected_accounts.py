"""The accounts on other services that a person has connected: ``/users/@me/connections``.

They are drawn from the person's id, so that they are the same in every run. Among them are those
that must not be shown: hidden ones, revoked ones, and ones whose ownership is not proven.
"""

import random
from typing import Final

from simulator.model import Json, User
from simulator.people import FIRST_PERSON

_TYPES: Final = (
    "github",
    "steam",
    "spotify",
    "twitch",
    "youtube",
    "reddit",
    "domain",
    "bluesky",
    "mastodon",
    "newservice",  # one that no client knows
)
_WITH_NONE: Final = 0.25
_NULL: Final = 0.5  # share of the people without accounts for whom the answer is null


class ConnectedAccounts:
    """Everybody's accounts; those that were set by a command win."""

    def __init__(self) -> None:
        self._set: dict[str, list[Json] | None] = {}

    def of(self, user: User) -> list[Json] | None:
        """What Discord answers: a list, or null."""
        if user.id in self._set:
            return self._set[user.id]
        return first_accounts() if user.id == FIRST_PERSON else some_accounts(user)

    def replace(self, user_id: str, accounts: list[Json] | None) -> None:
        """From now on the person has these accounts."""
        self._set[user_id] = accounts


def account(kind: str, account_id: str, name: str | None, **changes: object) -> Json:
    """One account: visible, verified and in order unless `changes` says otherwise."""
    return {
        "friend_sync": False,
        "integrations": [],
        "metadata_visibility": 1,
        "two_way_link": False,
        "revoked": False,
        "show_activity": True,
        "verified": True,
        "visibility": 1,
        "type": kind,
        "id": account_id,
        "name": name,
        **changes,
    }


def first_accounts() -> list[Json]:
    """Robin has one of each kind."""
    without_optional_keys = account("reddit", "t2_robin", "robin_k")
    for key in ("integrations", "metadata_visibility", "revoked"):
        del without_optional_keys[key]
    return [
        account("steam", "76561198000000042", "robin"),
        account("github", "4200042", "robin-k"),
        account("domain", "robin.example", "robin.example"),
        without_optional_keys,
        account("newservice", "abc", "robin"),
        account("twitch", "1001", "robin_one"),
        account("twitch", "1002", "robin_two"),
        account("spotify", "robin_listens", "Robin", revoked=True),
        account("bluesky", "did:plc:robin", "robin.example", visibility=0),
        account("youtube", "UC0000000000000000robin0", "Robin's tapes", verified=False),
        account("ebay", "robin-sells", None),
        account("xbox", "4200043", "robin x", visibility=2),
    ]


def some_accounts(user: User) -> list[Json] | None:
    """The accounts of somebody else; for one id always the same."""
    rng = random.Random(f"{user.id} accounts")
    if rng.random() < _WITH_NONE:
        return None if rng.random() < _NULL else []
    return [
        account(
            kind,
            f"{rng.getrandbits(40)}",
            user.username,
            revoked=rng.random() < 0.1,
            verified=rng.random() < 0.9,
            visibility=int(rng.random() < 0.8),
        )
        for kind in rng.sample(_TYPES, rng.randint(1, 5))
    ]
