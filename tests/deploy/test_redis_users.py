"""deploy/redis/start.sh: a Redis with a user for each service."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as NotConnected

from services.run import redis_binary
from testing.eventually import eventually_async
from testing.free_port import free_port
from tests.documents import ROOT

USERS = ("ADMIN", "GATEWAY", "API", "WS", "CARDS", "WEBHOOKS")


async def test_redis_starts_with_a_user_for_each_service(tmp_path: Path) -> None:
    """As in the container. `default` is the operator's, and nobody gets in without a password."""
    folder = tmp_path / "grux"
    shutil.copytree(ROOT / "deploy" / "redis", folder)
    binary = redis_binary.find()
    assert binary
    if _is_version_6(binary):
        shutil.copy(folder / "users-redis-6.acl", folder / "users.acl")
    words = {f"REDIS_{user}_PASSWORD": f"of{user}" for user in USERS}
    (tmp_path / "redis-server").symlink_to(binary)
    port = free_port()
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), **words}
    process = await asyncio.create_subprocess_exec(
        *("sh", str(folder / "start.sh"), "--port", str(port), "--save", ""),
        env=env,
        cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        for user in ("default", "gateway", "api", "ws", "cards", "webhooks"):
            word = "ofADMIN" if user == "default" else f"of{user.upper()}"
            url = f"redis://{user}:{word}@127.0.0.1:{port}/0"
            async with Redis.from_url(url, protocol=2) as redis:
                await eventually_async(partial(answers, redis))
                if user == "default":
                    assert len(await redis.acl_list()) == 6

        for account in ("", "api:ofWS@", "default:ofAPI@"):
            async with Redis.from_url(f"redis://{account}127.0.0.1:{port}/0", protocol=2) as redis:
                with pytest.raises(RedisError):
                    await redis.ping()

        acl = folder / "users.acl"
        acl.write_text(acl.read_text().replace("+hmget", "+hmget +lolwut"))
        (tmp_path / "redis-cli").write_text('#!/bin/sh\necho "$@"\n')
        (tmp_path / "redis-cli").chmod(0o755)
        reload = await asyncio.create_subprocess_exec(
            *("sh", str(folder / "start.sh"), "reload"), env=env, stdout=asyncio.subprocess.PIPE
        )
        assert (await reload.communicate())[0] == b"-e acl load\n"
        async with Redis.from_url(f"redis://default:ofADMIN@127.0.0.1:{port}/0") as redis:
            await redis.acl_load()
            assert "+lolwut" in str(await redis.acl_getuser("ws"))
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("word", ["", "with space", "with/slash"])
def test_redis_does_not_start_without_passwords(word: str) -> None:
    """It says which one is missing or cannot be used."""
    words = {f"REDIS_{user}_PASSWORD": "x" for user in USERS} | {"REDIS_WS_PASSWORD": word}
    done = subprocess.run(
        ["sh", str(ROOT / "deploy" / "redis" / "start.sh")],
        env={"PATH": os.environ["PATH"], **words},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "REDIS_WS_PASSWORD" in done.stderr


def _is_version_6(binary: str) -> bool:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return "v=6." in said.stdout


async def answers(redis: Redis) -> bool:
    """Raises AuthenticationError."""
    try:
        return bool(await redis.ping())
    except AuthenticationError:
        raise
    except NotConnected:
        return False
