"""Schemathesis checks that every response is one that /openapi.json describes.

It reads the document, generates requests from it (valid, invalid and at each limit), and compares
each response with it: status, type, headers, every key of the body. The seed is fixed, so that a
failure can be repeated.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings

from shared.redis.store import Store
from testing.process import Process
from tests.api.contract import closed
from tests.api.golden import GOLDEN
from tests.api.http_client import ask
from tests.api.replica import serving
from tests.cards.cards_fixture import serving_cards

SEED = 20_261_123
LONG = settings.get_current_profile_name() == "fuzz"  # `make fuzz`
EXAMPLES = 200 if LONG else 4  # per operation
PHASES = "examples,coverage,fuzzing"
LIMIT = 1800 if LONG else 240  # seconds: ends a hang

# A well-formed id may still be from the future, and no schema can say so.
EXCLUDED_CHECKS = ["positive_data_acceptance"]

# 501 is what oEmbed has for a format, and no failure of the server.
# Not GET: it would get the body of the write, and so 400 as everywhere, instead of 405.
CONFIGURATION = """\
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 501]
[phases.coverage]
unexpected-methods = ["put", "post", "delete", "options", "patch", "trace"]
"""


async def document(port: int) -> dict[str, Any]:
    """As served, with objects that allow only the keys they name, and without the route of ws: its
    response does not end."""
    served = closed(msgspec.json.decode((await ask(port, "/openapi.json")).body))
    del served["paths"]["/events"]
    return served


async def fuzz(
    port: int, schema: dict[str, Any], folder: Path, *without: str, phases: str = PHASES
) -> None:
    """Raises AssertionError with the findings and how to reproduce them."""
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    path = folder / "openapi.json"
    path.write_bytes(msgspec.json.encode(schema))
    program = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    options = {
        "--url": f"http://127.0.0.1:{port}",
        "--checks": "all",
        "--exclude-checks": ",".join([*EXCLUDED_CHECKS, *without]),
        "--phases": phases,
        "--max-examples": str(EXAMPLES),
        "--seed": str(SEED),
    }
    flags = [part for option in options.items() for part in option]
    process = await Process.start(*program, "run", path, *flags, "--no-color", cwd=folder)
    try:
        status = await process.ended(within=LIMIT)
    finally:
        await process.kill()
    text = "\n".join(process.lines)
    assert status == 0, text
    assert f"Tested: {sum(len(path) - 1 for path in schema['paths'].values())}" in text


@asynccontextmanager
async def both(store: Store) -> AsyncIterator[int]:
    """The port of an api that forwards to cards: all that the document describes."""
    async with (
        serving_cards(store) as cards,
        serving(store, cards_url=f"http://127.0.0.1:{cards}") as port,
    ):
        yield port


@pytest.mark.hypothesis  # as its kind: `make fuzz` runs it
async def test_every_answer_is_described(store: Store, tmp_path: Path) -> None:
    """For golden users, unknown users, malformed ids, and arbitrary parameters."""
    golden_ids = {"enum": [str(golden.user_id) for golden in GOLDEN.values()]}
    async with both(store) as port:
        schema = await document(port)
        for item in schema["paths"].values():
            for parameter in item["parameters"]:
                if parameter["name"] == "user_id":
                    parameter["schema"] = {"anyOf": [golden_ids, parameter["schema"]]}
                if parameter["name"] == "ids":
                    ids = parameter["schema"]
                    ids["items"] = {"anyOf": [golden_ids, ids["items"]]}
        await fuzz(port, schema, tmp_path)


async def test_redis_away(tmp_path: Path) -> None:
    """What needs Redis gets the 503 that is described."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere, both(nowhere) as port:
        schema = await document(port)
        await fuzz(port, schema, tmp_path, "not_a_server_error", phases="coverage")


async def test_an_undescribed_key_is_found(store: Store, tmp_path: Path) -> None:
    """With a key missing from the description, the same run fails."""
    async with serving(store) as port:
        schema = await document(port)
        schema["paths"] = {"/health": schema["paths"]["/health"]}
        health = schema["components"]["schemas"]["ProcessHealth"]
        del health["properties"]["redis"]
        health["required"].remove("redis")
        with pytest.raises(AssertionError, match="redis"):
            await fuzz(port, schema, tmp_path)
