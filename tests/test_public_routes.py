"""Every public route is among those that are tried for what people hide."""

from __future__ import annotations

import pytest

from tests.public_routes import (
    IMPERSONAL,
    SHOWING,
    UNCHANGING,
    Service,
    entered,
    routed,
    static_files,
)

SERVICES: list[Service] = ["api", "cards", "ws"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_is_entered(service: Service) -> None:
    """A new route without an entry in tests/public_routes.py fails here."""
    assert routed(service) == entered(service)


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_with_a_user_is_tried(service: Service) -> None:
    """Only a route that asks for the user's own key or session may have a user in its path."""
    for path, reason in IMPERSONAL[service].items():
        assert "{user_id}" not in path or reason.startswith("asks for"), path
    for group in (SHOWING, UNCHANGING):
        for path, requests in group[service].items():
            assert requests, path
            assert all("{id}" in request for request in requests), path


def test_files_are_no_users() -> None:
    """No static file has a user in its path."""
    assert all("{" not in path for path in static_files())
