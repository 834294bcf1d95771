"""The interface of a profile source, and its errors."""

from __future__ import annotations

from typing import Protocol

from shared.model.profile_extras import ProfileExtras


class SourceFailed(Exception):
    """Raised when a source gives no usable answer; a later request may succeed.

    The text goes to the log: it names no URL, which may contain a password.
    """


class SourceStopped(SourceFailed):
    """Raised when no request can succeed until the settings are changed."""


class Source(Protocol):
    """A server that knows more of users than the gateway."""

    async def fetch(self, user_id: int) -> ProfileExtras:
        """What the source knows; empty when it does not know the user. Raises SourceFailed.

        May take long, as it waits for rate limits: the caller sets a time limit.
        """
