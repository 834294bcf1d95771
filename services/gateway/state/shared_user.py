"""A user who is in guilds of several processes: Redis holds what all of them report."""

from __future__ import annotations

from collections.abc import Callable, Set

from services.gateway.state.merged_presence import NOT_REPORTED, MergedPresence
from services.gateway.state.user_cache import CachedUser, restored_user
from shared.redis.user_reports import StoredReports


def merge_stored(
    cached: CachedUser | None,
    stored: StoredReports,
    joined: Set[int],
    left: Set[int],
    is_own: Callable[[int], bool],
) -> CachedUser:
    """Bring what is stored up to date with what this process's guilds report. Changes `cached`.

    None: the user is in no guild of this process, and something is stored. `joined`: guilds that
    nothing is stored of. `left`: guilds that the user has left. Raises msgspec.MsgspecError.
    """
    saved = restored_user(stored.discord, stored.reports) if stored.discord else None
    user = cached or saved
    if user is None:
        raise ValueError("neither this process nor Redis knows the user")
    others = stored.guilds.difference(user.guilds, left)
    elsewhere = frozenset(one for one in others if not is_own(one))
    guilds = (*user.guilds, *elsewhere)
    if saved is not None and elsewhere:
        merged = saved.merged or MergedPresence(saved.presence)
        for guild_id in {*left, *merged.reports.keys()}.difference(guilds):
            merged.leave(guild_id, guilds)
        for guild_id in user.guilds:
            report = user.reported(guild_id)
            if guild_id in joined:
                merged.join(guild_id)
            if report not in (NOT_REPORTED, merged.reports.get(guild_id, merged.shown)):
                merged.report(guild_id, report, guilds)
    else:  # no other process knows the user
        merged = user.merged or MergedPresence(user.presence)
        for guild_id in {*left, *merged.elsewhere}.difference(guilds):
            merged.leave(guild_id, guilds)
    merged.elsewhere = elsewhere
    merged.unknown = others - elsewhere
    merged.version = stored.version
    user.merged = None if merged.is_uniform else merged
    user.presence = merged.shown
    return user
