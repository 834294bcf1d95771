"""The manifests fit Grux: settings, ports, shards, names, permissions."""

from __future__ import annotations

import base64
import re
from itertools import combinations

import msgspec
import pytest

from services.ws.events import endpoint
from shared import config
from shared.config import ApiSettings, CardsSettings, GatewaySettings, Settings, WsSettings
from tests.deploy.manifests import (
    FOLDER,
    Manifest,
    container,
    environment,
    labels,
    manifests,
    of_kind,
    pod,
    port,
    selects,
    workloads,
)
from tests.deploy.network import Place, allowed

KINDS: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "api": ApiSettings,
    "ws": WsSettings,
    "cards": CardsSettings,
}
NAMES = {field.name.upper() for kind in KINDS.values() for field in msgspec.structs.fields(kind)}
LONGEST_END = 10  # seconds from SIGTERM to the end of a process: docs/operations.md


def ours(example: list[Manifest]) -> dict[str, Manifest]:
    """Every workload except Redis."""
    return {name: one for name, one in workloads(example).items() if name != "redis"}


def test_the_example_is_complete(example: list[Manifest]) -> None:
    """The example has each service, and a standby gateway."""
    assert set(workloads(example)) == {
        *("api", "ws", "cards", "gateway", "gateway-standby", "redis"),
    }
    assert {one["metadata"].get("namespace", "grux") for one in example} == {"grux"}


def test_settings_are_valid(example: list[Manifest]) -> None:
    """Each variable is a setting, and each process accepts its value."""
    for workload in ours(example).values():
        given = dict(environment(example, workload))
        assert set(given) <= NAMES
        (command,) = container(workload)["args"]
        settings = config.from_env(KINDS[command], given)
        assert settings.redis_url.startswith("redis://")


def test_services_do_not_set_settings(example: list[Manifest]) -> None:
    """Kubernetes sets API_PORT=tcp://... for a service `api`, unless that is switched off."""
    assert all(pod(one)["enableServiceLinks"] is False for one in workloads(example).values())


def test_ports_are_those_of_the_settings(example: list[Manifest]) -> None:
    """A container's ports are those that its process listens on, on every address."""
    for name, workload in ours(example).items():
        given = dict(environment(example, workload))
        own = {"api": "API", "ws": "WS", "cards": "CARDS"}.get(name)
        assert port(workload, "metrics") == int(given["METRICS_PORT"])
        if own:
            assert port(workload, "http") == int(given[f"{own}_PORT"])
            assert given[f"{own}_HOST"] == "0.0.0.0"


def test_every_shard_has_one_gateway_and_one_standby(example: list[Manifest]) -> None:
    """A pod's ordinal is its shard, and together the pods run all shards."""
    for name in ("gateway", "gateway-standby"):
        workload = workloads(example)[name]
        run: list[int] = []
        for ordinal in range(workload["spec"]["replicas"]):
            given = dict(environment(example, workload, ordinal))
            settings = config.from_env(GatewaySettings, given)
            run += settings.shards() or []
        assert run == list(range(settings.shard_count))


def test_ten_shards_to_a_pod() -> None:
    """The patch in docs/kubernetes.md gives each pod ten shards of its own."""
    text = (FOLDER.parents[1] / "docs" / "kubernetes.md").read_text()
    found = re.search(r'value: "(\$\(ORDINAL\)0-\$\(ORDINAL\)9)"', text)
    assert found
    run: list[int] = []
    for ordinal in range(12):
        ids = found[1].replace("$(ORDINAL)", str(ordinal))
        run += GatewaySettings(shard_count=120, shard_ids=ids).shards() or []
    assert run == list(range(120))


def test_selectors_find_their_pods(example: list[Manifest]) -> None:
    """Each workload selects its own pods, and no others."""
    for name, workload in workloads(example).items():
        selector = workload["spec"]["selector"]
        found = [each for each, one in workloads(example).items() if selects(selector, labels(one))]
        assert found == [name]


def test_services_lead_to_open_ports(example: list[Manifest]) -> None:
    """Each service selects the pods of one workload, and its target ports are open there."""
    services = of_kind(example, "Service")
    assert set(services) == set(workloads(example))
    for name, service in services.items():
        selector = {"matchLabels": service["spec"]["selector"]}
        found = [each for each, one in workloads(example).items() if selects(selector, labels(one))]
        assert found == [name]
        for one in service["spec"]["ports"]:
            assert port(workloads(example)[name], one["targetPort"]) == one["port"]


def test_budgets_and_autoscalers_have_targets(example: list[Manifest]) -> None:
    """A budget covers one workload, no pod has two, and an autoscaler's target exists."""
    budgets = of_kind(example, "PodDisruptionBudget")
    assert set(budgets) == set(ours(example))
    for name, budget in budgets.items():
        selector = budget["spec"]["selector"]
        found = [each for each, one in workloads(example).items() if selects(selector, labels(one))]
        assert found == [name]  # a pod with two budgets cannot be evicted at all
    scalers = of_kind(example, "HorizontalPodAutoscaler")
    assert set(scalers) == set(of_kind(example, "Deployment"))
    for name, scaler in scalers.items():
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
        assert "replicas" not in workloads(example)[name]["spec"]  # else each apply resets it
        requested = container(workloads(example)[name])["resources"]["requests"]
        assert {one["resource"]["name"] for one in scaler["spec"]["metrics"]} <= set(requested)


def test_ingress_and_route_lead_to_services(example: list[Manifest]) -> None:
    """The services and ports that they name exist."""
    services = of_kind(example, "Service")
    (ingress,) = of_kind(example, "Ingress").values()
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            to = path["backend"]["service"]
            ports = {one["name"] for one in services[to["name"]]["spec"]["ports"]}
            assert to["port"]["name"] in ports
    (route,) = manifests(FOLDER / "gateway-api" / "http-route.yaml")
    for rule in route["spec"]["rules"]:
        for to in rule["backendRefs"]:
            assert to["port"] in {one["port"] for one in services[to["name"]]["spec"]["ports"]}


def test_event_streams_are_routed_to_ws(example: list[Manifest]) -> None:
    """Exactly this path, and without a time limit."""
    (ingress,) = of_kind(example, "Ingress").values()
    found = [
        (path["pathType"], path["backend"]["service"]["name"])
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
        if path["path"] == endpoint.PATH
    ]
    assert found == [("Exact", "ws")]
    (route,) = manifests(FOLDER / "gateway-api" / "http-route.yaml")
    (rule,) = (
        rule
        for rule in route["spec"]["rules"]
        if {"path": {"type": "Exact", "value": endpoint.PATH}} in rule["matches"]
    )
    assert [to["name"] for to in rule["backendRefs"]] == ["ws"]
    assert rule["timeouts"] == {"request": "0s"}


def test_pods_have_no_privileges(example: list[Manifest]) -> None:
    """Not root, a read-only file system, no capability, no service account token."""
    for workload in workloads(example).values():
        spec, only = pod(workload), container(workload)
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert only["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"hostNetwork", "hostPID", "hostIPC", "initContainers"}.isdisjoint(spec)
    namespace = of_kind(example, "Namespace")["grux"]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_images_and_resources(example: list[Manifest]) -> None:
    """Every image has a version, and every container has requests and limits."""
    for workload in workloads(example).values():
        only = container(workload)
        assert re.search(r":\d[\w.-]*$", only["image"])
        assert {"cpu", "memory"} <= set(only["resources"]["requests"])
        assert "memory" in only["resources"]["limits"]


def test_the_grace_period_is_long_enough(example: list[Manifest]) -> None:
    """A pod is killed only after its process had time to end, and its successor is ready."""
    for name, workload in ours(example).items():
        spec, only = pod(workload), container(workload)
        waits = int(only["lifecycle"]["preStop"]["exec"]["command"][1]) if name in KINDS_IN else 0
        assert spec["terminationGracePeriodSeconds"] > waits + LONGEST_END
        if name in KINDS_IN:
            assert workload["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


KINDS_IN = ("api", "ws", "cards")  # reachable through the ingress


def place(example: list[Manifest], name: str) -> Place:
    workload = workloads(example)[name]
    ports = {one["name"]: one["containerPort"] for one in container(workload)["ports"]}
    return Place(labels=labels(workload), ports=ports)


@pytest.mark.parametrize("origin", ["gateway", "gateway-standby", "api", "ws", "cards"])
def test_grux_reaches_redis_and_the_public_web(example: list[Manifest], origin: str) -> None:
    """No private address, no cloud metadata service, and none of the other pods."""
    here = place(example, origin)
    assert allowed(example, here, place(example, "redis"), 6379)
    assert allowed(example, here, Place(address="162.159.135.232"), 443)
    assert not allowed(example, here, Place(address="162.159.135.232"), 22)
    for address in ("169.254.169.254", "10.0.0.1", "192.168.1.1", "fd00::1"):
        assert not allowed(example, here, Place(address=address), 443)
    for other in ("gateway", "api", "ws", "cards"):
        assert not allowed(example, here, place(example, other), 9100)


def test_redis_is_reached_by_grux_alone(example: list[Manifest]) -> None:
    """Nothing else may connect to Redis, and Redis may connect to nothing."""
    redis = place(example, "redis")
    for namespace in ("ingress-nginx", "monitoring", "default"):
        assert not allowed(example, Place(namespace=namespace), redis, 6379)
    assert not allowed(example, Place(labels={"app": "other"}), redis, 6379)
    assert not allowed(example, redis, Place(address="162.159.135.232"), 443)
    assert not any(allowed(example, redis, place(example, name), 9100) for name in ours(example))


def test_clients_connect_through_the_ingress_only(example: list[Manifest]) -> None:
    """Only the ingress reaches them, only Prometheus their metrics, and nothing the gateway."""
    for name in KINDS_IN:
        here = place(example, name)
        http = here.ports["http"]
        assert allowed(example, Place(namespace="ingress-nginx"), here, http)
        assert not allowed(example, Place(namespace="ingress-nginx"), here, 9100)
        assert not allowed(example, Place(namespace="default"), here, http)
    for name in ours(example):
        assert allowed(example, Place(namespace="monitoring"), place(example, name), 9100)
        assert not allowed(example, Place(namespace="default"), place(example, name), 9100)


def test_workloads_have_different_labels(example: list[Manifest]) -> None:
    """No two workloads have the same labels."""
    pairs = combinations(workloads(example).values(), 2)
    assert all(labels(one) != labels(other) for one, other in pairs)


def test_another_ws_starts_before_one_is_full(example: list[Manifest]) -> None:
    """The autoscaler's memory target is below the memory of a ws at its connection limit.

    Measured: 36 MB at rest, 4.55 KB a client with a user of its own (docs/performance.md).
    """
    given = dict(environment(example, workloads(example)["ws"]))
    full = 36e6 + 4550 * int(given["WS_MAX_CONNECTIONS"])
    metrics = of_kind(example, "HorizontalPodAutoscaler")["ws"]["spec"]["metrics"]
    (memory,) = (one["resource"] for one in metrics if one["resource"]["name"] == "memory")
    asked = memory["target"]["averageValue"]
    assert asked.endswith("Mi")
    assert 40e6 < int(asked[:-2]) * 2**20 < 0.85 * full
    limit = container(workloads(example)["ws"])["resources"]["limits"]["memory"]
    assert limit == "1Gi"
    assert full < 2**30


def test_each_service_has_its_own_user_of_redis(example: list[Manifest]) -> None:
    """No pod but that of Redis knows a password of another service."""
    secret = of_kind(example, "Secret")
    [values] = [one["data"] for one in secret.values()]
    for name, workload in ours(example).items():
        service = name.removesuffix("-standby")
        asked = {
            one["valueFrom"]["secretKeyRef"]["key"]
            for one in container(workload)["env"]
            if "secretKeyRef" in one.get("valueFrom", {})
        }
        own = {"DISCORD_CLIENT_SECRET", "SECRET_KEY"} if service == "api" else set()
        assert asked == {"DISCORD_TOKEN", f"{service.upper()}_REDIS_URL", *own}
        url = base64.b64decode(values[f"{service.upper()}_REDIS_URL"]).decode()
        word = base64.b64decode(values[f"REDIS_{service.upper()}_PASSWORD"]).decode()
        assert url == f"redis://{service}:{word}@redis:6379/0"
        assert len(word) == 48
