"""`export` and `erase`, as an operator types them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.run import durable_server
from shared.model.user_settings import DEFAULTS, UserSettings, patched
from shared.redis import keys
from shared.redis.grants import GrantStore, StoredGrant
from shared.redis.store import Fields, Save, Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer
from tests.run.test_commands import command

USER, OTHER, GUILD = 1274150219482660897, 172002275412279296, 1112920281367973900
FIELDS = Fields(b'{"id":"1"}', b'{"status":"idle"}', b"{}")


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await store.save([Save(USER, FIELDS, joined=(GUILD,))])
        yield store


async def write(durable: Store) -> None:
    await UserSettingsStore(durable).change(USER, lambda old: patched(old, {"bio": "Hello"}))
    await GrantStore(durable).store(USER, StoredGrant(b"cipher", ("identify",), 1, 2), 3)


async def test_export_then_erase(
    tmp_path: Path, redis_url: str, durable_redis: RedisServer, durable: Store, store: Store
) -> None:
    """The document alone is on standard output. Afterwards nothing is held."""
    env = {"REDIS_URL": redis_url, "DURABLE_REDIS_URL": durable_redis.url}
    await write(durable)
    status, out, said = await command(tmp_path, "export", USER, env=env)
    assert (status, said) == (0, "")
    found = json.loads(out)
    assert found["settings"]["bio"] == "Hello"
    assert found["presence"]["servers"] == [str(GUILD)]
    assert "cipher" not in out

    status, out, said = await command(tmp_path, "erase", USER, env=env)
    assert (status, said) == (0, "")
    assert f"Erased what user {USER} has written, chosen and granted." in out
    assert "ends their grant at Discord" in out
    assert "--stay-hidden" in out
    assert await UserSettingsStore(durable).get(USER) == DEFAULTS
    assert await store.load(USER) is None  # no gateway is there to show them again

    await GrantStore(durable).revoked(USER)
    status, out, said = await command(tmp_path, "export", USER, env=env)
    assert (status, out) == (3, "")
    assert said == f"Nothing is held of user {USER}.\n"
    status, out, said = await command(tmp_path, "erase", USER, env=env)
    assert (status, out, said) == (0, f"Nothing is held of user {USER}.\n", "")


async def test_erase_and_stay_hidden(tmp_path: Path, redis_url: str, store: Store) -> None:
    """One Redis may hold both."""
    await write(store)
    arguments = ("erase", "--stay-hidden", USER)
    status, out, _ = await command(tmp_path, *arguments, env={"REDIS_URL": redis_url})
    assert status == 0
    assert "One setting is kept: they are not shown." in out
    assert await UserSettingsStore(store).get(USER) == UserSettings(visible=False)
    assert await store.load(USER) is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("export",), "Usage: python -m services export USER_ID > FILE"),
        (("export", USER, OTHER), "Usage: python -m services export USER_ID > FILE"),
        (("export", "robin"), "This is not an id"),
        (("erase", "--stay-hidden"), "Usage: python -m services erase USER_ID [--stay-hidden]"),
        (("erase", USER, "--hidden"), "Usage: python -m services erase USER_ID [--stay-hidden]"),
        (("erase", 17), "Usage: python -m services erase USER_ID [--stay-hidden]"),
    ],
)
async def test_arguments_that_name_no_user(
    tmp_path: Path, arguments: tuple[object, ...], says: str
) -> None:
    """Nothing is asked of any Redis."""
    status, out, said = await command(tmp_path, *arguments)
    assert (status, out) == (2, "")
    assert says in said


async def test_a_redis_that_is_away(tmp_path: Path, redis_url: str, store: Store) -> None:
    """It is named, without its password. What is left to do is said."""
    away = "redis://:hunter2@127.0.0.1:1/0"
    env = {"REDIS_URL": redis_url, "DURABLE_REDIS_URL": away}
    status, out, said = await command(tmp_path, "export", USER, env=env)
    assert (status, out) == (1, "")
    assert "127.0.0.1:1" in said
    assert "Nothing was exported." in said
    env = {"REDIS_URL": away, "DURABLE_REDIS_URL": redis_url}
    status, out, said = await command(tmp_path, "erase", USER, env=env)
    assert (status, out) == (1, "")
    assert "127.0.0.1:1" in said
    assert "run the command again" in said
    assert "hunter2" not in said


async def test_beside_make_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    redis_url: str,
    durable_redis: RedisServer,
    durable: Store,
    store: Store,
) -> None:
    """Both are found without a setting, as the runner has noted them."""
    await write(durable)
    (tmp_path / durable_server.FOLDER).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    durable_server.note(durable_redis.url, redis_url)
    status, out, said = await command(tmp_path, "export", USER)
    assert (status, said) == (0, "")
    found = json.loads(out)
    assert found["settings"]["bio"] == "Hello"
    assert found["presence"]["presence"] == {"status": "idle"}
    assert await store.redis.exists(keys.presence(USER))
