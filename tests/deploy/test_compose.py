"""docker-compose.yml without an engine: who gets which secret, and what protects the containers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.documents import ROOT

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]
GRUX = ("gateway", "api", "ws", "cards")
USERS = ("ADMIN", *(name.upper() for name in GRUX))


@pytest.mark.parametrize("name", GRUX)
def test_each_service_has_its_own_user_of_redis(name: str) -> None:
    """`env_file` gives it all of .env: the passwords are taken out again."""
    environment = SERVICES[name]["environment"]
    url = f"redis://{name}:${{REDIS_{name.upper()}_PASSWORD}}@redis:6379/0"
    assert environment["REDIS_URL"] == f"${{REDIS_URL:-{url}}}"
    assert {environment[f"REDIS_{user}_PASSWORD"] for user in USERS} == {""}
