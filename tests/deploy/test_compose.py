"""docker-compose.yml without an engine: who gets which secret, and what protects the containers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.documents import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FRONT_DOORS = ("caddy", "haproxy")
GRUX = ("gateway", "api", "ws", "cards", "webhooks")
USERS = ("ADMIN", *(name.upper() for name in GRUX))


@pytest.mark.parametrize("name", GRUX)
def test_each_service_has_its_own_user_of_redis(name: str) -> None:
    """`env_file` gives it all of .env: the passwords are taken out again."""
    environment = SERVICES[name]["environment"]
    url = f"redis://{name}:${{REDIS_{name.upper()}_PASSWORD}}@redis:6379/0"
    assert environment["REDIS_URL"] == f"${{REDIS_URL:-{url}}}"
    assert {environment[f"REDIS_{user}_PASSWORD"] for user in USERS} == {""}


@pytest.mark.parametrize("name", SERVICES)
def test_the_protection_of_the_engine_is_not_weakened(name: str) -> None:
    """Docker's seccomp and AppArmor profiles hold, and there is no way around them."""
    service = SERVICES[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    assert service["read_only"] is True
    weakening = {"privileged", "pid", "ipc", "uts", "userns_mode", "network_mode", "devices"}
    assert weakening & service.keys() == set()
    mounts = [str(one).partition(":")[0] for one in service.get("volumes", [])]
    assert [one for one in mounts if one.startswith("/")] == []  # such as Docker's socket


def test_networks_separate_what_need_not_meet() -> None:
    """No front door can reach Redis, the gateway accepts nothing, and Redis reaches nothing."""
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert networks["redis"] == {"redis"}
    for door in FRONT_DOORS:
        assert not networks[door] & networks["redis"]
        assert not networks[door] & networks["gateway"]
        assert not networks[door] & networks["grafana"]
        assert min(networks[door]) == "edge"  # Docker publishes the ports there
    assert not networks["grafana"] & networks["redis"]
    assert COMPOSE["networks"]["redis"] == {"internal": True}
    assert COMPOSE["networks"]["edge"]["enable_ipv6"] == "${DUAL_STACK:-true}"
    assert [name for name, own in networks.items() if "edge" in own] == list(FRONT_DOORS)
    assert not COMPOSE["networks"]["web"]  # api, ws and cards do not listen on IPv6
    published = {name for name, service in SERVICES.items() if "ports" in service}
    assert published == {"grafana"}  # and the front door


@pytest.mark.parametrize("door", FRONT_DOORS)
@pytest.mark.parametrize("public", [False, True])
def test_one_front_door_has_the_ports(door: str, public: bool) -> None:
    """With SITE_ADDRESS 80 and 443. The other one runs only to get certificates."""
    name = f"{door}.public.yml" if public else f"{door}.yml"
    services = yaml.safe_load((ROOT / "deploy/front-door" / name).read_text())["services"]
    assert set(services) == set(FRONT_DOORS)
    published = [one.rpartition(":")[2] for one in services.pop(door)["ports"]]
    assert {one.removesuffix("/udp") for one in published} == ({"80", "443"} if public else {"80"})
    (other,) = services.values()
    assert "ports" not in other
    assert (other.get("deploy") == {"replicas": 0}) == ((door, public) != ("haproxy", True))
    for service in FRONT_DOORS:
        file = "deploy/front-door/${FRONT_DOOR:-caddy}${SITE_ADDRESS:+.public}.yml"
        assert SERVICES[service]["extends"] == {"file": file, "service": service}


def test_no_file_takes_protection_away() -> None:
    """Nor do overlays, patches and annotations, such as `seccomp=unconfined`."""
    kinds = (".yaml", ".yml", ".sh")
    files = [path for path in (ROOT / "deploy").rglob("*") if path.suffix in kinds]
    assert len(files) > 20
    for path in [*files, ROOT / "docker-compose.yml"]:
        text = path.read_text().lower()
        for words in ("unconfined", "privileged: true", "--privileged", "hostnetwork", "hostpid"):
            assert words not in text, path
