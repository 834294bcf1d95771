"""The responses of /user/:id and /activity/:id, made of what Redis holds and kept in memory."""

from __future__ import annotations

from services.api.middleware.response_cache import ACTIVITY_PATH, USER_PATH, Load
from shared.http.responses import CacheableResponse, cacheable, envelope
from shared.model.snapshot import Snapshot
from shared.profiles.user_reader import UserView


def user_response(load: Load, user: UserView) -> CacheableResponse:
    """`data`: `{"profile", "status", "spotify", "activity", "custom_status", "listening"}`"""
    response = cacheable(envelope(b'{"profile":%b,%b' % (user.profile, user.presence[1:])))
    load.store(USER_PATH, user.version, response, until=user.good_until)
    return response


def activity_response(load: Load, snapshot: Snapshot) -> CacheableResponse:
    """`data`: `{"status", "spotify", "activity", "custom_status", "listening"}`"""
    response = cacheable(envelope(snapshot.presence))
    load.store(ACTIVITY_PATH, snapshot.version, response)
    return response
