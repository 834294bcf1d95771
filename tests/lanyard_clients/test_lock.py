"""What is installed to run Lanyard's clients."""

from __future__ import annotations

import msgspec

from tests.lanyard_clients.prepare import HERE


def test_the_packages_are_pinned() -> None:
    """Every package has an integrity hash, and no download address."""
    lock = msgspec.json.decode((HERE / "package-lock.json").read_bytes())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert [name for name, package in packages.items() if "integrity" not in package] == []
    assert "://" not in "".join(str(one.get("resolved", "")) for one in packages.values())
