"""Front doors are compared as far as they are installed, each with the configuration of deploy/."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from bench import front_doors
from bench.front_doors import Site
from tests.bench.test_bench import measures, short_form


@measures
def test_front_doors_are_compared_when_asked(tmp_path: Path) -> None:
    """Each is measured, or the results say why not. Without a proxy, the services alone are."""
    results = short_form(tmp_path / "results.json", "--only", "front_door")
    measured = {one.name.rpartition(", 1 upstream, ")[0] for one in results.figures}
    assert "direct" in measured
    found, missing = front_doors.installed()
    if "ws ends TLS" in measured:  # else OpenSSL's headers are not installed
        explained = "\n".join(results.left_out)
        assert all(f"front_door: {name} is not installed" in explained for name in missing)
        names = {door.name for door in found}
        assert all(f"front_door: {name}:" in explained for name in names - measured)


def test_front_doors_get_the_configurations_of_deploy(tmp_path: Path) -> None:
    """With this machine's ports in place of each upstream."""
    ports = {"ws": 18001, "api": 18000, "cards": 18002}
    site = Site(
        folder=tmp_path,
        port=18443,
        certificate=tmp_path / "site.pem",
        dns=18053,
        hosts=["127.0.0.2", "127.0.0.3"],
        ports=ports,
    )
    for text in (front_doors.nginx_conf(site), front_doors.haproxy_cfg(site)):
        for host, port in itertools.product(site.hosts, ports.values()):
            assert f"{host}:{port}" in text
        assert "127.0.0.1:18443" in text
        assert not re.search(r":80[01][012]\b", text)
    caddyfile = front_doors.caddyfile(site)
    assert f"https://:{site.port}" in caddyfile
    for name, port in ports.items():
        assert f"dynamic a {name} {port} {{" in caddyfile
    assert caddyfile.count("resolvers udp/127.0.0.1:18053") == len(ports)
