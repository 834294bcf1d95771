"""Pebble, the certificate authority of Let's Encrypt for tests, in a container of the project."""

from __future__ import annotations

import datetime
import ipaddress
import json
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.compose.project import ROOT, Project

IMAGE = "ghcr.io/letsencrypt/pebble:latest"
VALIDITY_S = 15  # of its certificates: Caddy renews them after two thirds
CADDYFILES = (ROOT / "deploy/Caddyfile", ROOT / "deploy/haproxy/certificates.Caddyfile")
OPTIONS = "acme_ca https://pebble:14000/dir\n\tacme_ca_root /etc/pebble/ca.pem\n\trenew_interval 1s"

ROOT_CERTIFICATE = "import ssl,urllib.request as u;print(u.urlopen('https://pebble:15000/roots/0',context=ssl._create_unverified_context()).read().decode())"
"""A program that prints the certificate of Pebble's root, from inside the network."""


def compose_file(project: Project) -> Path:
    """Compose reads it too: Pebble runs beside Caddy, and Caddy asks it for certificates."""
    folder = project.folder / "pebble"
    folder.mkdir(mode=0o755)
    _write_certificate(folder)
    config = {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "certificate": "/etc/pebble/ca.pem",
        "privateKey": "/etc/pebble/key.pem",
        "httpPort": 80,
        "tlsPort": 443,
        # Otherwise it sends either seconds or, at random, a date, which Caddy 2.6 cannot read.
        "retryAfter": {"authz": 0, "order": 0},
        "certificateValidityPeriod": VALIDITY_S,  # up to Pebble 2.6, and later:
        "profiles": {"default": {"description": "short", "validityPeriod": VALIDITY_S}},
    }
    (folder / "config.json").write_text(json.dumps({"pebble": config}))
    for file in CADDYFILES:
        (folder / file.name).write_text(_with_options(file.read_text()))
    mounted = [f"{folder}:/etc/pebble:ro"]
    services = {
        "pebble": {
            "image": IMAGE,
            "command": [*_program(project), "-config", "/etc/pebble/config.json"],
            # Each order is validated anew, at once, and no request is rejected at random.
            "environment": {
                "PEBBLE_VA_NOSLEEP": "1",
                "PEBBLE_AUTHZREUSE": "0",
                "PEBBLE_WFE_NONCEREJECT": "0",
            },
            "volumes": mounted,
            "networks": ["web"],
        },
        "caddy": {
            "volumes": [
                *mounted,
                *(f"{folder / one.name}:/etc/caddy/{one.name}:ro" for one in CADDYFILES),
            ]
        },
    }
    file = folder / "compose.yml"
    file.write_text(json.dumps({"services": services}))
    return file


def root_certificate(project: Project) -> str:
    """PEM; empty while Pebble starts."""
    api = project.containers("api")[0]
    return project.inside(api, "python", "-c", ROOT_CERTIFICATE, check=False)


def _program(project: Project) -> list[str]:
    """What to run in the image: nothing if, as the official one, it has an entry point."""
    found: list[dict[str, Any]] = json.loads(
        project.run("docker", "image", "inspect", IMAGE, check=False) or "[]"
    )
    return ["pebble"] if found and not found[0]["Config"].get("Entrypoint") else []


def _with_options(text: str) -> str:
    """A Caddyfile with more global options, which stand in its first block if that has no name."""
    if "\n{\n" in text:
        return text.replace("\n{\n", f"\n{{\n\t{OPTIONS}\n", 1)
    return f"{{\n\t{OPTIONS}\n}}\n{text}"


def _write_certificate(folder: Path) -> None:
    """Of Pebble's own HTTPS: ca.pem, which signs itself, and key.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pebble")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("pebble"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
