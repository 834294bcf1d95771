"""The optional service in containers and in Kubernetes: off by default, and protected."""

from __future__ import annotations

import yaml

from tests.deploy.manifests import FOLDER, Manifest, container, labels, manifests, of_kind, pod
from tests.deploy.network import Place, allowed
from tests.documents import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OF_WEBHOOKS = manifests(FOLDER / "webhooks" / "webhooks.yaml")
POLICIES = manifests(FOLDER / "base" / "network-policies.yaml")


def workload() -> Manifest:
    return of_kind(OF_WEBHOOKS, "Deployment")["webhooks"]


def test_compose_starts_it_only_where_it_is_asked_for() -> None:
    """And gives no other service the endpoints with their secrets."""
    assert SERVICES["webhooks"]["profiles"] == ["webhooks"]
    for name in ("gateway", "api", "ws", "cards"):
        assert SERVICES[name]["environment"]["WEBHOOKS"] == ""
    environment = SERVICES["webhooks"]["environment"]
    assert environment["WEBHOOKS"] == "${WEBHOOKS:-}"
    assert environment["DISCORD_TOKEN"] == environment["SECRET_KEY"] == ""


def test_compose_keeps_it_away_from_the_others() -> None:
    """It meets Redis and Prometheus, and the internet."""
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    met = {name for name, own in networks.items() if own & networks["webhooks"] - {"redis"}}
    assert met == {"webhooks", "prometheus"}


def test_the_manifest_is_optional_and_complete() -> None:
    """One setting more than for the other services; no ports but that of metrics."""
    example = (FOLDER / "example" / "kustomization.yaml").read_text()
    assert "\n  # - ../webhooks\n" in example
    only = container(workload())
    assert only["args"] == ["webhooks"]
    assert only["ports"] == [{"name": "metrics", "containerPort": 9100}]
    names = {one["name"]: one["valueFrom"]["secretKeyRef"]["key"] for one in only["env"]}
    assert names == {"REDIS_URL": "WEBHOOKS_REDIS_URL", "WEBHOOKS": "WEBHOOKS"}


def test_the_pods_have_no_privileges() -> None:
    """As those of all services: the namespace would reject them."""
    gateway = of_kind(manifests(FOLDER / "gateway" / "gateway.yaml"), "StatefulSet")["gateway"]
    assert container(workload())["securityContext"] == container(gateway)["securityContext"]
    assert pod(workload())["securityContext"] == pod(gateway)["securityContext"]
    assert pod(workload())["automountServiceAccountToken"] is False
    assert pod(workload())["enableServiceLinks"] is False


def test_the_pods_reach_public_addresses_only() -> None:
    """And Redis. Nothing but Prometheus reaches them."""
    policies = [*POLICIES, *OF_WEBHOOKS]
    here = Place(labels=labels(workload()), ports={"metrics": 9100})
    assert allowed(policies, here, Place(address="162.159.135.232"), 443)
    for address in ("169.254.169.254", "10.0.0.1", "192.168.1.1", "fd00::1"):
        assert not allowed(policies, here, Place(address=address), 443)
    assert not allowed(policies, here, Place(address="162.159.135.232"), 22)
    assert allowed(policies, Place(namespace="monitoring"), here, 9100)
    assert not allowed(policies, Place(namespace="default"), here, 9100)
