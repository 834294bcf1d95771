"""A user who is in guilds of which this process knows nothing: Redis holds what they report.

They belong to other processes, or are still to be listed in a new session.
"""

from __future__ import annotations

from collections.abc import Callable, Set

from services.gateway.state.merged_presence import NOT_REPORTED, MergedPresence
from services.gateway.state.user_cache import MATCHES_NOTHING, CachedUser, restored_user
from shared.redis.user_reports import StoredReports


def merge_stored(
    cached: CachedUser | None,
    stored: StoredReports,
    left: Set[int],
    is_own: Callable[[int], bool],
) -> CachedUser:
    """Bring what is stored up to date with what this process's guilds report. Changes `cached`.

    None: the user is in no guild of this process, and something is stored. `left`: guilds that
    the user has left. Raises msgspec.MsgspecError.
    """
    saved = restored_user(stored.discord, stored.reports) if stored.discord else None
    user = cached or saved
    if user is None:
        raise ValueError("neither this process nor Redis knows the user")
    others = stored.guilds.difference(user.guilds, left)
    elsewhere = frozenset(one for one in others if not is_own(one))
    unlisted = others - elsewhere
    guilds = (*user.guilds, *others)
    if saved is not None and others:
        merged = saved.merged or MergedPresence(saved.presence)
        for guild_id in set(user.guilds) - stored.guilds:
            merged.join(guild_id)  # what is stored was made without it
        for guild_id in {*left, *merged.reports.keys()}.difference(guilds):
            merged.leave(guild_id, guilds, unlisted)
        merged.skip_reports(user.guilds)
        for guild_id in user.guilds:
            report = user.reported(guild_id)
            if report not in (NOT_REPORTED, merged.reports.get(guild_id, merged.shown)):
                merged.report(guild_id, report, guilds, unlisted)
        merged.note_guilds(guilds)
    else:  # nothing is known but what this process's guilds report
        merged = user.unfold()
        for guild_id in {*left, *merged.elsewhere, *merged.unlisted}.difference(guilds):
            merged.leave(guild_id, guilds)
        for guild_id in others:
            merged.join(guild_id)  # until its process writes again
    merged.elsewhere = elsewhere
    merged.unlisted = unlisted
    merged.version = stored.version
    if user.last_raw_hash and user.presence != merged.shown:
        user.last_raw_hash = MATCHES_NOTHING
    user.presence, user.merged, user.elsewhere = merged.shown, merged, None
    user.fold()
    return user
