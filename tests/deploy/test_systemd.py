"""The units in deploy/systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from services.run.plan import SERVICES, WEBHOOKS
from tests.documents import ROOT

UNITS = ROOT / "deploy" / "systemd"
ALL = (*SERVICES, WEBHOOKS)
ANALYZE = shutil.which("systemd-analyze")


def unit(service: str) -> str:
    return (UNITS / f"grux-{service}.service").read_text()


def test_each_service_has_a_unit() -> None:
    """And no more than those. The target starts all that need no setting; `systemctl enable` adds
    the other one."""
    names = {path.name for path in UNITS.iterdir()}
    assert names == {"grux.target", *(f"grux-{service}.service" for service in ALL)}
    wanted = re.search(r"^Wants=(.*)$", (UNITS / "grux.target").read_text(), re.MULTILINE)
    assert wanted is not None
    assert set(wanted[1].split()) == names - {"grux.target", "grux-webhooks.service"}
    assert "WantedBy=grux.target\n" in unit(WEBHOOKS)


def test_each_process_has_a_metrics_port_of_its_own() -> None:
    """They run on one machine."""
    ports = [re.findall(r"METRICS_PORT=(\d+)", unit(service)) for service in ALL]
    assert sorted(ports) == [["9100"], ["9101"], ["9102"], ["9103"], ["9104"]]


@pytest.mark.parametrize("service", ALL)
def test_a_unit_starts_its_service_without_rights(service: str) -> None:
    """As a user of its own, with a read-only system, and with room for many sockets."""
    text = unit(service)
    # Not in Environment=, over which the settings in /etc/grux/grux.env would win.
    started = rf"ExecStart=/usr/bin/env METRICS_PORT=\d+ (\S+) -m services.{service}\n"
    found = re.search(started, text)
    assert found is not None
    assert found[1] == "/opt/grux/.venv/bin/python"
    for line in (
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "Restart=always",
    ):
        assert f"{line}\n" in text
    limit = re.search(r"LimitNOFILE=(\d+)", text)
    assert limit is not None
    assert int(limit[1]) >= 65_536


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not on the PATH")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say about them."""
    for path in UNITS.iterdir():
        # The one thing that is not there on this machine: /opt/grux.
        text = path.read_text().replace("/opt/grux/.venv/bin/python", "/bin/true")
        (tmp_path / path.name).write_text(text)
    command = [str(ANALYZE), "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    about_grux = [line for line in found.stderr.splitlines() if "grux" in line]
    assert about_grux == []
    assert found.returncode == 0, found.stderr
