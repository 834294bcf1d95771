"""Whether the profile source of the operator's choice answers."""

from __future__ import annotations

from services.doctor.finding import Finding, failure, ok, warning
from shared.config import ApiSettings
from shared.net.http_client import HttpClient, RequestFailed

SOMEBODY = "643945264868098049"  # Discord's own system user: nobody's profile is asked for


async def check(settings: ApiSettings, http: HttpClient) -> list[Finding]:
    """Nothing is said of `discord`: the token's own check covers it."""
    if settings.profile_source != "upstream":
        return []
    url = settings.profile_upstream_url.replace("{user_id}", SOMEBODY)
    try:
        async with http.get(url) as answer:
            status = answer.status
    except RequestFailed as error:
        return [
            failure(
                f"PROFILE_UPSTREAM_URL cannot be reached ({error})",
                "Start that server, or set PROFILE_SOURCE to discord or off.",
            )
        ]
    if status in (200, 404):  # it may know nothing of that user
        return [ok("the profile source answers")]
    return [
        warning(
            f"PROFILE_UPSTREAM_URL answers with status {status}",
            "See to that server: profiles lack badges, bio and the like meanwhile.",
        )
    ]
