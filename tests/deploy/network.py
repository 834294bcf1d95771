"""Which connections the NetworkPolicies allow."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from msgspec import Struct

from tests.deploy.manifests import Manifest, of_kind, selects


class Place(Struct, frozen=True, kw_only=True):
    """One end of a connection: a pod, or an address outside the cluster."""

    labels: dict[str, str] = {}
    namespace: str = "grux"
    address: str = ""
    ports: dict[str, int] = {}  # by name


def allowed(documents: list[Manifest], origin: Place, target: Place, port: int) -> bool:
    """Whether the policies of both ends allow a TCP connection."""
    ends = (("Egress", "to", origin, target), ("Ingress", "from", target, origin))
    return all(_lets(documents, *end, target, port) for end in ends)


def _lets(
    documents: list[Manifest],
    direction: str,
    side: str,
    here: Place,
    there: Place,
    target: Place,
    port: int,
) -> bool:
    if here.address or here.namespace != "grux":
        return True  # outside the cluster: no policy applies
    policies = [
        policy["spec"]
        for policy in of_kind(documents, "NetworkPolicy").values()
        if direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], here.labels)
    ]
    if not policies:
        return True
    return any(
        any(_is(peer, there) for peer in rule[side])
        and any(target.ports.get(str(one["port"]), one["port"]) == port for one in rule["ports"])
        for policy in policies
        for rule in policy.get(direction.lower(), [])
    )


def _is(peer: Manifest, place: Place) -> bool:
    if "ipBlock" in peer:
        if not place.address:
            return False
        address, block = ip_address(place.address), peer["ipBlock"]
        if address not in ip_network(block["cidr"]):
            return False
        return not any(address in ip_network(one) for one in block.get("except", []))
    if place.address:
        return False
    if "namespaceSelector" in peer:
        theirs = {"kubernetes.io/metadata.name": place.namespace}
        if not selects(peer["namespaceSelector"], theirs):
            return False
    elif place.namespace != "grux":
        return False
    return selects(peer.get("podSelector", {}), place.labels)
