"""What can stand in front of ws and api: proxies with the configuration of deploy/, and none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench.child import ProcessFailed
from testing import haproxy_config

DEPLOY: Final = Path(__file__).parents[1] / "deploy"
WS, API, CARDS = "ws", "api", "cards"  # names of Docker's DNS


class Site(Struct, frozen=True, kw_only=True):
    """What a front door is told: where it listens, and where its upstreams are."""

    folder: Path  # for its configuration and state
    port: int  # of 127.0.0.1
    certificate: Path  # PEM: the chain and the key
    dns: int  # port of the name server that knows `WS`, `API` and `CARDS`
    hosts: Sequence[str]  # addresses of the upstreams
    ports: Mapping[str, int]  # of each service, on each of its addresses


class FrontDoor(Struct, frozen=True, kw_only=True):
    """A proxy that is installed."""

    name: str
    program: str
    command: Callable[[Site, str], list[str]]  # of the program
    shipped: bool  # with the configuration of deploy/ as it is


def make_certificate(folder: Path) -> Path:
    """A key of the kind that authorities give today (P-256), in one file with its certificate.

    Raises ProcessFailed without the `openssl` command.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ProcessFailed("The command openssl is not installed (Debian: apt install openssl).")
    key, chain, both = (folder / name for name in ("key.pem", "chain.pem", "site.pem"))
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(chain)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ProcessFailed(done.stderr)
    both.write_text(chain.read_text() + key.read_text())
    return both


def installed() -> tuple[list[FrontDoor], list[str]]:
    """The proxies that are on the PATH, and the names of those that are not.

    A program may have a version in its name: `haproxy-3.2` is one of its own beside `haproxy`.
    """
    found, missing = [], []
    for program, variants in _COMMANDS.items():
        here = _programs(program)
        if not here:
            missing.append(program)
        for name, path in here.items():
            for variant, command in variants.items():
                full = f"{name}, {variant}" if variant else name
                door = FrontDoor(name=full, program=path, command=command, shipped=not variant)
                found.append(door)
    return found, missing


def _programs(name: str) -> dict[str, str]:
    folders = [*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin"]
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted(Path(folder).glob(f"{name}*")):
            if re.fullmatch(rf"{name}(-[\d.]+)?", path.name) and os.access(path, os.X_OK):
                found.setdefault(path.name, str(path))
    return found


def _substitute(text: str, pattern: str, by: str) -> str:
    text, count = re.subn(pattern, lambda _: by, text, flags=re.MULTILINE)
    if not count:
        raise ProcessFailed(f"the configuration has no {pattern}")
    return text


def caddyfile(site: Site, changes: Sequence[tuple[str, str]] = ()) -> str:
    """deploy/Caddyfile with the certificate, the ports and the name server of this machine."""
    text = (DEPLOY / "Caddyfile").read_text()
    text = _substitute(text, r"^\{$", "{\n\tadmin off\n\tauto_https off")
    text = _substitute(
        text,
        r"^\{\$SITE_ADDRESS\} \{$",
        f"https://:{site.port} {{\n\ttls {site.certificate} {site.certificate}",
    )
    for name, port in site.ports.items():
        text = _substitute(
            text,
            rf"dynamic a {name} \d+ \{{$",
            f"dynamic a {name} {port} {{\n\t\t\tresolvers udp/127.0.0.1:{site.dns}",
        )
    for pattern, by in changes:
        text = _substitute(text, pattern, by)
    return text


# What one WebSocket holds (Caddy 2.11.3 and newer). Smaller buffers of the transport, HTTP/1.1 only
# and no compression between Caddy and api changed nothing measurable.
_SMALL: Final = ((r"^\(replicas\) \{$", "(replicas) {\n\tstream_buffer_size 2k"),)


def _caddy(changes: Sequence[tuple[str, str]] = ()) -> Callable[[Site, str], list[str]]:
    def command(site: Site, program: str) -> list[str]:
        file = site.folder / "Caddyfile"
        file.write_text(caddyfile(site, changes))
        return [program, "run", "--adapter", "caddyfile", "--config", str(file)]

    return command


def haproxy_cfg(site: Site) -> str:
    """deploy/haproxy/haproxy.cfg with the certificate and the upstreams of this machine."""
    servers = {
        name: [f"server {host} {host}:{port}" for host in site.hosts]
        for name, port in site.ports.items()
    }
    return haproxy_config.adapted(site.port, site.folder, servers, site.certificate)


def _haproxy(site: Site, program: str) -> list[str]:
    file = site.folder / "haproxy.cfg"
    file.write_text(haproxy_cfg(site))
    return [program, "-db", "-f", str(file)]


def nginx_conf(site: Site) -> str:
    """deploy/nginx/grux.conf with the certificate and the upstreams of this machine."""
    text = (DEPLOY / "nginx" / "grux.conf").read_text()
    first, second = (found.start() for found in re.finditer(r"^server \{", text, re.MULTILINE))
    text = text[:first] + text[second:]  # without the server that only redirects to HTTPS
    text = _substitute(text, r"^ *listen \[::\]:443 ssl;\n", "")
    text = _substitute(text, r"listen 443 ssl;", f"listen 127.0.0.1:{site.port} ssl;")
    text = _substitute(text, r"(?<=ssl_certificate )\S+(?=;)", str(site.certificate))
    text = _substitute(text, r"(?<=ssl_certificate_key )\S+(?=;)", str(site.certificate))
    for name, port in site.ports.items():
        servers = "".join(f" server {host}:{port};" for host in site.hosts)
        text = re.sub(
            rf"(upstream grux_{name} \{{\n +least_conn;)(?:\n(?: +#.*| +server .*))+",
            rf"\1\n   {servers}",
            text,
        )
    return text


_NGINX: Final = """
daemon off;
worker_processes auto;
worker_rlimit_nofile 20000;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 10000; }}
http {{
    keepalive_requests 1000000; # the load keeps its connections
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {more}
    include {folder}/grux.conf;
}}
"""


def _nginx(more: str = "") -> Callable[[Site, str], list[str]]:
    def command(site: Site, program: str) -> list[str]:
        (site.folder / "grux.conf").write_text(nginx_conf(site))
        file = site.folder / "nginx.conf"
        file.write_text(_NGINX.format(folder=site.folder, more=more))
        return [program, "-p", str(site.folder), "-e", "stderr", "-c", str(file)]

    return command


_COMMANDS: Final[Mapping[str, Mapping[str, Callable[[Site, str], list[str]]]]] = {
    "caddy": {"": _caddy(), "tuned": _caddy(_SMALL)},
    "haproxy": {"": _haproxy},
    "nginx": {"": _nginx(), "tuned": _nginx("ssl_buffer_size 4k; proxy_buffer_size 4k;")},
}
