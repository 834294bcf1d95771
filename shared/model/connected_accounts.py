"""Accounts that a user has connected at Discord, as Discord gives them with the user's consent.

Discord lists hidden ones as well. Which ones may be shown is decided here, and here alone. Nothing
here does I/O.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any, Final

from msgspec import Struct

MAX_CONNECTIONS: Final = 100  # Discord knows some 30 kinds; several of one kind are allowed
MAX_TEXT_CHARS: Final = 256  # of a kind, an id or a name
VISIBLE_TO_EVERYONE: Final = 1  # Discord's `visibility`; 0: to the user alone
NEVER_SHOWN: Final = frozenset({"contacts"})  # the user's address book is not an account


class OwnConnection(Struct, frozen=True, omit_defaults=True):
    """One connection. The kind may be one that is not known yet."""

    type: str
    id: str
    name: str | None = None
    verified: bool = False  # the user has proven that it is theirs
    visibility: int = 0
    revoked: bool = False  # the link between the two accounts is broken

    @property
    def key(self) -> str:
        """What names it in the settings. Kinds have no colon, ids may."""
        return f"{self.type}:{self.id}"

    @property
    def may_be_shown(self) -> bool:
        """Whether Discord's own profile would show it to strangers."""
        return (
            self.visibility == VISIBLE_TO_EVERYONE
            and self.verified
            and not self.revoked
            and bool(self.name)
            and self.type not in NEVER_SHOWN
        )


def own_connections(answer: object) -> list[OwnConnection]:
    """From Discord's answer to Get Current User Connections: a list or null, not to be trusted.

    An entry without a kind or an id is left out, and any other field of an unexpected type counts
    as the value that hides the account.
    """
    entries = answer if isinstance(answer, list) else []
    found: dict[str, OwnConnection] = {}
    for entry in islice(entries, MAX_CONNECTIONS):
        connection = _connection(entry)
        if connection is not None:
            found.setdefault(connection.key, connection)
    return list(found.values())


def chosen_connections(
    connections: Iterable[OwnConnection], chosen: Collection[str]
) -> list[OwnConnection]:
    """Those that strangers see, in Discord's order. `chosen`: the keys that the user has chosen."""
    return [one for one in connections if one.key in chosen and one.may_be_shown]


def _connection(entry: Any) -> OwnConnection | None:
    if not isinstance(entry, dict):
        return None
    kind, account_id, name = (_text(entry.get(field)) for field in ("type", "id", "name"))
    if kind is None or ":" in kind or account_id is None:
        return None
    visibility = entry.get("visibility")
    return OwnConnection(
        kind,
        account_id,
        _visible(name) if name else None,
        verified=entry.get("verified") is True,
        visibility=visibility if type(visibility) is int else 0,
        revoked=entry.get("revoked", False) is not False,
    )


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_CHARS:
        return None
    try:
        value.encode()  # a lone surrogate has no UTF-8
    except UnicodeEncodeError:
        return None
    return value


def _visible(text: str) -> str | None:
    """Without control characters, and those that change the direction of what stands beside it."""
    return "".join(char for char in text if unicodedata.category(char)[0] != "C").strip() or None
