"""Bodies of the responses of accounts: /openapi.json's schemas are made of them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from services.api.openapi.bodies import KeptHistory
from shared.model.snapshot import Link
from shared.model.user_settings import HideableField, HistoryLevel


class AccountSettings(Struct):
    """What a person has chosen."""

    visible: Annotated[bool, Meta(description="Whether anything of the person is shown.")]
    hide: Annotated[list[HideableField], Meta(description="What is not shown.")]
    hide_applications: Annotated[
        list[str], Meta(description="The ids of applications whose activities are not shown.")
    ]
    connected_accounts: Annotated[
        list[str], Meta(description="The connected accounts that are shown, each `type:id`.")
    ]
    bio: Annotated[str | None, Meta(description="The person's own text about themselves.")]
    pronouns: Annotated[str | None, Meta(description="The person's pronouns.")]
    links: Annotated[list[Link], Meta(description="The person's links.")]
    paused_until: Annotated[
        int, Meta(description="Until then (ms since 1970) nothing is shown; 0: no pause.")
    ]
    opted_in: Annotated[
        bool, Meta(description="Whether the person has asked to be shown; counts with CONSENT.")
    ]
    history: Annotated[
        HistoryLevel,
        Meta(
            description="What is kept of the past: nothing (`off`), when the person was seen last "
            "(`last_seen`), or their recent activities as well (`recent`)."
        ),
    ]


class AccountConnection(Struct):
    """An account that the person has connected at Discord."""

    key: Annotated[str, Meta(description="What names it in `connected_accounts`.")]
    type: Annotated[str, Meta(description="The service, as Discord calls it.")]
    id: Annotated[str, Meta(description="The account's id there.")]
    name: Annotated[str | None, Meta(description="The account's name there.")]
    may_be_shown: Annotated[
        bool, Meta(description="Visible to everyone at Discord, verified and not revoked.")
    ]
    chosen: Annotated[bool, Meta(description="Whether the person wants it to be shown.")]


class AccountKey(Struct):
    """The key for the key-value store; only a digest of it is stored."""

    created_at: Annotated[int, Meta(description="Milliseconds since 1970; 0: not known.")]


class AccountGrant(Struct):
    """What the person has granted at Discord."""

    granted_at: Annotated[int, Meta(description="When they signed in last: ms since 1970.")]
    scopes: Annotated[list[str], Meta(description="OAuth2 scopes, sorted.")]


class Account(Struct):
    """An account, for its owner."""

    id: Annotated[str, Meta(description="The person's Discord id.")]
    settings: AccountSettings
    connections: Annotated[
        list[AccountConnection], Meta(description="All that Discord lists, hidden ones too.")
    ]
    key: AccountKey | None
    signed_in: AccountGrant | None
    history: KeptHistory | None


class AccountAnswer(Struct):
    """What is held about the person who has signed in."""

    data: Account
    success: Literal[True]


class AccountSettingsAnswer(Struct):
    """All settings."""

    data: AccountSettings
    success: Literal[True]


class NewKey(Struct):
    """A key that was made just now."""

    key: Annotated[str, Meta(description="It cannot be shown again.")]


class NewKeyAnswer(Struct):
    """A new key."""

    data: NewKey
    success: Literal[True]


class Join(Struct):
    """The person has joined the server."""

    joined: Literal[True]
    shown: Annotated[bool, Meta(description="Whether their presence is shown already.")]


class JoinAnswer(Struct):
    """The person has joined the server."""

    data: Join
    success: Literal[True]
