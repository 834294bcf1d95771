"""Clients that generators make of /openapi.json and /asyncapi.json, and what they answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from textwrap import dedent

import aiohttp
import pytest

from tests.documents import ROOT
from tests.e2e.stack import ROBIN, Stack
from tests.toolchains.conftest import needs_generators, needs_java, needs_node, run
from tests.toolchains.prepare import HERE

pytestmark = [pytest.mark.toolchains, pytest.mark.asyncio(loop_scope="session")]

UNKNOWN = "285745753341558799"


async def save(stack: Stack, name: str, folder: Path) -> str:
    """Save a document of the running Grux; its address."""
    url = f"http://127.0.0.1:{stack.api_port}"
    async with aiohttp.ClientSession() as http, http.get(f"{url}/{name}") as answer:
        document = await answer.json()
    (folder / name).write_text(json.dumps({**document, "servers": document.get("servers", [])}))
    return url


async def call(folder: Path, code: str, url: str) -> list[str]:
    """Run a Python program that uses the generated client; the lines it prints."""
    (folder / "call.py").write_text(dedent(code))
    return (await run(sys.executable, "call.py", url, ROBIN, UNKNOWN, cwd=folder)).splitlines()


async def compile_typescript(folder: Path, *files: str) -> None:
    """In the compiler's strictest mode, to JavaScript modules beside the files."""
    options = {
        "strict": True,
        "noUncheckedIndexedAccess": True,
        "exactOptionalPropertyTypes": True,
        "target": "es2022",
        "module": "nodenext",
        "types": [],
    }
    config = {"compilerOptions": options, "files": files}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    await run("tsc", "--project", ".", cwd=folder)


@needs_generators
async def test_openapi_python_client(stack: Stack, tmp_path: Path) -> None:
    """It accepts the document without a warning, and its client knows answers and errors."""
    url = await save(stack, "openapi.json", tmp_path)
    files = ["--path", "openapi.json", "--output-path", "grux", "--meta", "none"]
    overrides = tmp_path / "config.yml"
    overrides.write_text(
        "content_type_overrides:\n"
        "  image/svg+xml: application/octet-stream\n"
        "  image/png: application/octet-stream\n"
        "  text/plain: application/octet-stream\n"
    )
    command = (sys.executable, "-m", "openapi_python_client", "generate", "--config", overrides)
    printed = await run(*command, *files, cwd=tmp_path)
    assert "Warning" not in printed
    assert "Unsupported" not in printed
    lines = await call(
        tmp_path,
        """
        import sys
        from grux import Client
        from grux.api.pictures import get_card
        from grux.api.presence import get_activity, get_user
        from grux.api.service import get_front, get_health
        url, user, unknown = sys.argv[1:]
        client = Client(base_url=url)
        answer = get_user.sync(user, client=client)
        print(answer.success, answer.data.profile.username, answer.data.profile.badges[0].id)
        print(get_activity.sync(user, client=client).data.status)
        print(get_user.sync(unknown, client=client).error.code)
        print(get_user.sync("1", client=client).error.code)
        print(get_health.sync(client=client).data.status)
        print(get_card.sync_detailed(user, client=client).content[:4])
        """,
        url,
    )
    assert lines[0].startswith("True robin ")
    assert lines[1] in ("online", "idle", "dnd", "invisible")
    assert lines[2:] == ["user_not_monitored", "invalid_user_id", "ok", "b'<svg'"]


@needs_generators
@needs_java
async def test_openapi_generator(stack: Stack, tmp_path: Path) -> None:
    """The client for Python checks every answer against the schema, pictures included."""
    url = await save(stack, "openapi.json", tmp_path)
    jar = ROOT / ".venv/generators/openapi_generator_cli/openapi-generator.jar"
    options = ["-g", "python", "-i", "openapi.json", "-o", "made", "--package-name", "grux"]
    await run("java", "-jar", jar, "generate", *options, cwd=tmp_path)
    (tmp_path / "grux").symlink_to(tmp_path / "made/grux")
    lines = await call(
        tmp_path,
        """
        import sys
        import grux
        url, user, unknown = sys.argv[1:]
        client = grux.ApiClient(grux.Configuration(host=url))
        presence, pictures = grux.PresenceApi(client), grux.PicturesApi(client)
        answer = presence.get_user(user)
        print(answer.success, answer.data.profile.username)
        print(presence.get_activity(user).data.status)
        for user_id in (unknown, "1234567890123456789012"):
            try:
                presence.get_user(user_id)
            except grux.ApiException as error:
                print(error.status)
        print(grux.ServiceApi(client).get_health().data.status)
        print(bytes(pictures.get_card(user))[:4], bytes(pictures.get_card_as_png(user))[1:4])
        print(pictures.get_badge_for_shields(user).label)
        print(grux.ServiceApi(client).get_front().data.monitored_user_count > 0)
        """,
        url,
    )
    assert lines[0] == "True robin"
    assert lines[2:] == ["404", "400", "ok", "b'<svg' b'PNG'", "discord", "True"]


@needs_node
async def test_openapi_typescript(stack: Stack, tmp_path: Path) -> None:
    """Its types let openapi-fetch call the API, in the strictest mode of the compiler."""
    url = await save(stack, "openapi.json", tmp_path)
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    await run("openapi-typescript", "openapi.json", "-o", "grux.d.ts", cwd=tmp_path)
    (tmp_path / "call.ts").write_text(
        dedent(
            """
            import createClient from "openapi-fetch";
            import type { components, paths } from "./grux.js";

            const [url, user, unknown] = process.argv.slice(2) as [string, string, string];
            const client = createClient<paths>({ baseUrl: url });
            const path = (user_id: string) => ({ params: { path: { user_id } } });
            const { data } = await client.GET("/user/{user_id}", path(user));
            const success: boolean | undefined = data?.success;
            type Status = components["schemas"]["Presence"]["status"];
            const status: Status | undefined = data?.data.status;
            console.log(success, data?.data.profile.username, typeof status);
            const { error } = await client.GET("/user/{user_id}", path(unknown));
            console.log(error?.error.code);
            """
        )
    )
    (tmp_path / "globals.d.ts").write_text("declare const process: { argv: string[] };\n")
    await compile_typescript(tmp_path, "call.ts", "globals.d.ts")
    printed = await run("node", "call.js", url, ROBIN, UNKNOWN, cwd=tmp_path)
    assert printed.splitlines() == ["true robin string", "user_not_monitored"]


@needs_node
async def test_modelina(stack: Stack, tmp_path: Path) -> None:
    """Of the WebSocket's document it makes each type once, and TypeScript accepts them together."""
    await save(stack, "asyncapi.json", tmp_path)
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    (tmp_path / "make.mjs").write_text(
        dedent(
            """
            import { readFileSync, writeFileSync } from "node:fs";
            import { TypeScriptGenerator } from "@asyncapi/modelina";

            const generator = new TypeScriptGenerator({ modelType: "interface" });
            const models = await generator.generate(JSON.parse(readFileSync("asyncapi.json")));
            writeFileSync("models.ts", models.map(({ result }) => `export ${result}`).join("\\n"));
            console.log(JSON.stringify(models.map(({ modelName }) => modelName)));
            """
        )
    )
    names = json.loads(await run("node", "make.mjs", cwd=tmp_path))
    assert {"InitialData", "PresenceUpdate", "ProfileUpdate", "ErrorFrame"} <= set(names)
    assert {"LanyardHello", "LanyardInitState", "LanyardInitialize"} <= set(names)
    assert len({name.casefold() for name in names}) == len(names)
    await compile_typescript(tmp_path, "models.ts")
