"""The garbage collector waits until a service is imported, and leaves alone what is."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from testing.process import Process

ROOT = Path(__file__).parents[3]
SERVICES = ("api", "cards", "gateway", "webhooks", "ws")

PROGRAM = """
import gc
usual = gc.get_threshold()
from shared.startup import import_phase
assert gc.isenabled() and gc.get_threshold() == (import_phase.YOUNG_OBJECTS, *usual[1:])
frozen = gc.get_freeze_count()
import_phase.end()
assert gc.isenabled() and gc.get_threshold() == usual
print(gc.get_freeze_count() - frozen)
"""


async def test_collector_is_as_ever_after_the_imports() -> None:
    process = await Process.start(sys.executable, "-c", PROGRAM, cwd=ROOT)
    assert await process.ended() == 0, process.errors
    assert int(process.output) > 1000


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_it_first(service: str) -> None:
    """Before what takes long to import: all that is not of the standard library."""
    module = ast.parse((ROOT / "services" / service / "__main__.py").read_text())
    names = [
        name
        for node in module.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [node.names[0].name])
    ]
    foreign = [name for name in names if name and name.split(".")[0] not in sys.stdlib_module_names]
    assert foreign[0] == "shared.startup.import_phase"
