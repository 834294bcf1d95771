"""hikari's packages are imported lazily, and work as ever when something needs them."""

from __future__ import annotations

import subprocess
import sys

MAX_MODULES = 40
"""Of hikari's about 150. An upgrade that exceeds it makes every start of a gateway slower."""


def run(code: str) -> str:
    """The output of the code in an interpreter of its own, which has imported nothing."""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


def test_gateway_imports_only_a_part_of_hikari() -> None:
    """The REST client alone takes longer to import than all the rest of the gateway."""
    code = """
import sys, services.gateway.__main__
print(sum(name.startswith("hikari") for name in sys.modules), "hikari.impl.rest" in sys.modules)
"""
    modules, has_rest = run(code).split()
    assert (0 < int(modules) <= MAX_MODULES, has_rest) == (True, "False")


def test_hikari_is_complete_for_everything_else() -> None:
    """Other names of its packages are found as if they had been imported normally."""
    code = """
from services.gateway.discord import hikari_shard
import hikari
from hikari.impl import CacheSettings, GatewayShardImpl
assert issubclass(hikari_shard.InstrumentedShard, GatewayShardImpl)
assert hikari.Intents is hikari_shard.Intents and hikari.api.GatewayCompression
assert hikari.events.ShardPayloadEvent and hikari.GatewayBot and hikari.__version__
try:
    hikari.does_not_exist
except AttributeError as error:
    print(error)
"""
    assert run(code) == "module 'hikari' has no attribute 'does_not_exist'"


def test_package_that_is_imported_already_is_left_alone() -> None:
    code = """
import hikari
from services.gateway.discord import hikari_shard, lazy_hikari
lazy_hikari.install()
print(hikari.GatewayBot.__name__, "__getattr__" in vars(hikari))
"""
    assert run(code) == "GatewayBot False"
