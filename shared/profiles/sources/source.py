"""What a profile source is, and how it fails."""

from __future__ import annotations

from typing import Protocol

from shared.model.profile_extras import ProfileExtras


class SourceFailed(Exception):
    """Raised when a source gives no answer that can be used; asking later may help.

    The text goes to the log: it names no URL, which may carry a password.
    """


class SourceStopped(SourceFailed):
    """Raised when asking again is of no use until somebody changes the settings."""


class Source(Protocol):
    """Somebody who knows more of users than the gateway."""

    async def fetch(self, user_id: int) -> ProfileExtras:
        """What it knows; empty when it does not know the user. Raises SourceFailed.

        May take long, as rate limits are waited for: the caller sets the limit.
        """
