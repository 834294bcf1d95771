"""`make backup` and `make restore`: what users write outlives its Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from testing.eventually import eventually_async
from tests.compose.project import XENIA, Project


async def kv(project: Project) -> dict[str, Any] | None:
    """None while Xenia is not served: the gateway writes all users again to an emptied Redis."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{project.url}/v1/users/{XENIA}") as answer,
    ):
        if answer.status == 404:
            return None
        found: dict[str, Any] = (await answer.json())["data"]["kv"]
        return found


async def put(project: Project, key: str, value: str) -> int:
    async with (
        aiohttp.ClientSession(headers={"Authorization": key}) as http,
        http.put(f"{project.url}/v1/users/@me/kv/mood", data=value) as answer,
    ):
        return answer.status


async def test_backup_and_restore(project: Project, tmp_path: Path) -> None:
    """Redis' volume is lost: without the backup there is neither a pair nor a key, with it both."""
    backup = tmp_path / "grux.jsonl"
    key = project.run("docker", "compose", "run", "--rm", "-T", "tools", "key", XENIA).strip()
    assert await put(project, key, "calm") == 204
    said = project.run("make", "backup", f"FILE={backup}")
    assert f"make restore FILE={backup}" in said
    assert backup.stat().st_mode & 0o077 == 0
    assert key not in backup.read_text()
    (redis,) = project.containers("redis")
    project.inside(redis, "redis-cli", "flushall")

    async def is_gone() -> bool:
        return await put(project, key, "lost") == 401

    await eventually_async(is_gone)
    project.run("make", "restore", f"FILE={backup}")

    async def is_back() -> bool:
        return await kv(project) == {"mood": "calm"}

    await eventually_async(is_back)
    assert await put(project, key, "calmer") == 204


def test_a_file_that_is_not_there(project: Project) -> None:
    """One line says so."""
    said = project.run("make", "restore", "FILE=nowhere", check=False, stderr=True)
    assert "There is no file nowhere that can be read." in said
