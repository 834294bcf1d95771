"""Imports hikari's submodules without running the packages above them.

`import hikari` runs about 150 modules (REST client, cache, every event and entity). The gateway
needs 30 of them, for one shard. Running the rest took 0.25 s of the 0.53 s of CPU that a gateway
needs to start. `install` puts lazy packages in their place: a submodule is imported as always, and
any other name (`hikari.GatewayBot`) first runs the package's own `__init__`, so that the result is
the same, only later.

tests/gateway/test_lazy_hikari.py fails when an upgrade of hikari makes this pointless.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any, Final

PACKAGES: Final = ("hikari", "hikari.api", "hikari.events", "hikari.impl", "hikari.interactions")


def install() -> None:
    """Replace the packages, unless one of them has been imported already. Call it before the
    first import of hikari."""
    if PACKAGES[0] in sys.modules:
        return
    for name in PACKAGES:
        _install(name)


def _install(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    package, loader = importlib.util.module_from_spec(spec), spec.loader
    has_run = False

    def get_attribute(attribute: str) -> Any:
        """The package's `__getattr__` (PEP 562): called for what it does not hold yet."""
        nonlocal has_run
        if has_run or (attribute.startswith("__") and attribute != "__all__"):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        if importlib.util.find_spec(f"{name}.{attribute}") is not None:
            return importlib.import_module(f"{name}.{attribute}")
        has_run = True
        loader.exec_module(package)
        return getattr(package, attribute)

    package.__dict__["__getattr__"] = get_attribute
    _register(name, package)


def _register(name: str, package: ModuleType) -> None:
    sys.modules[name] = package
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, package)
