"""What a person has written and chosen to show, in the profile that the gateway renders.

Readers find it with everything else, and never ask the durable Redis for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shared.model.snapshot import ConnectedAccount, Profile
from shared.model.user_settings import UserSettings


def with_own_words(
    profile: Profile, chosen: UserSettings | None, accounts: Sequence[ConnectedAccount]
) -> Profile:
    """`profile` of a person who has chosen this. `accounts`: those that they show.

    Their own bio replaces the profile source's, and a source's accounts replace theirs: see
    shared.model.profile_extras.
    """
    if chosen is None:
        return profile
    return msgspec.structs.replace(
        profile,
        bio=chosen.bio,
        pronouns=chosen.pronouns,
        links=list(chosen.links),
        connected_accounts=list(accounts),
    )
