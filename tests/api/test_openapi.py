"""/openapi.json describes what the api does, all of it and nothing else."""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from services.api.app import routes
from services.api.middleware.response_cache import ResponseCache
from services.api.openapi import cards, events
from services.api.openapi.document import PATHS, UNDESCRIBED, document
from services.api.openapi.paths import HEADERS
from services.api.openapi.schemas import schemas
from services.cards.badges import ShieldsBadge
from services.cards.card_options import PARAMETERS
from services.ws.events import endpoint
from shared.config import ApiSettings
from shared.http import errors
from shared.http.errors import ERRORS
from shared.profiles.cache import ProfileCache
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store
from shared.version import VERSION
from tests.api.contract import METHODS, closed, operations, resolved, validation_errors
from tests.api.golden import GOLDEN
from tests.api.http_client import ask
from tests.api.replica import serving
from tests.cards.cards_fixture import card_paths
from tests.documents import ROOT, blocks

DOCUMENT = document("https://grux.example.org")
EXAMPLES = {
    "GET /user/:userid": "/user/{user_id}",
    "GET /activity/:userid": "/activity/{user_id}",
    "GET /now-playing/:userid": "/now-playing/{user_id}",
    "GET /check/:userid": "/check/{user_id}",
    "GET /": "/",
    "GET /health and GET /ready": "/health",
}
"""Headings of docs/api.md, and the path whose example follows each."""


def contents() -> list[Any]:
    """Every content of every response."""
    return [
        pytest.param(content, id=f"{method} {path} {status}")
        for path, method, operation in operations(DOCUMENT)
        for status, response in operation["responses"].items()
        for content in resolved(DOCUMENT, response).get("content", {}).values()
    ]


async def test_every_route_is_described(store: Store) -> None:
    """The document has the routes of api, of cards and of ws, and no others."""
    settings = ApiSettings()
    profiles = ProfileService(None, ProfileCache(store, settings.profile_ttl))
    users = UserReader.of(store, profiles, settings)
    api = {route.path_format for route in routes(store, users, settings, ResponseCache(), None)}
    await profiles.close()
    assert api >= UNDESCRIBED
    assert card_paths() == set(cards.PATHS)
    assert {endpoint.PATH} == set(events.PATHS)
    described = (api - UNDESCRIBED) | card_paths() | {endpoint.PATH}
    assert described == set(PATHS) == set(DOCUMENT["paths"])


@pytest.mark.parametrize("image_format", ["svg", "png"])
def test_every_parameter_of_a_card_is_described(image_format: str) -> None:
    """In the same order, and no others."""
    parameters = DOCUMENT["paths"][f"/card/{{user_id}}.{image_format}"]["parameters"]
    assert [p["name"] for p in parameters if p["in"] == "query"] == list(PARAMETERS)


@pytest.mark.parametrize("image_format", ["svg", "png"])
def test_the_parameters_of_a_song_are_those_of_a_card(image_format: str) -> None:
    """docs/now-playing.md names the same ones."""
    parameters = DOCUMENT["paths"][f"/now-playing/{{user_id}}.{image_format}"]["parameters"]
    names = {p["name"] for p in parameters if p["in"] == "query"}
    assert names < set(PARAMETERS)
    text = (ROOT / "docs/now-playing.md").read_text().partition("### Parameters\n")[2]
    assert names == set(re.findall(r"`(\w+)`", text.partition("```")[0]))


def test_the_badge_of_shields_io_is_described() -> None:
    """Every field in its place, with its type."""
    described, sent = cards.SCHEMAS["ShieldsBadge"], schemas([ShieldsBadge])["ShieldsBadge"]
    assert described["required"] == sent["required"]
    assert [(name, field["type"]) for name, field in described["properties"].items()] == [
        (name, field["type"]) for name, field in sent["properties"].items()
    ]


def test_operation_ids_are_unique() -> None:
    """Generated clients name functions after them."""
    ids = [operation["operationId"] for _, _, operation in operations(DOCUMENT)]
    assert len(ids) == len(set(ids))
    reads = [path for path, method, _ in operations(DOCUMENT) if method in ("get", "head")]
    assert len(reads) == 2 * len(set(reads))
    assert all(name.isidentifier() for name in ids)


def test_schemas_are_valid() -> None:
    """JSON Schema 2020-12, which OpenAPI 3.1 uses; each reference resolves."""
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    text = json.dumps(DOCUMENT)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        assert resolved(DOCUMENT, {"$ref": reference})


def test_generators_understand_it() -> None:
    """openapi-python-client rejects `items: false`, and openapi-generator makes Python that does
    not run of an enum of booleans. Linters want `security`, also where there is none.
    """
    assert DOCUMENT["security"] == []
    for found in _objects(DOCUMENT):
        assert not isinstance(found.get("items"), bool)
        assert "prefixItems" not in found
        values = found.get("enum")
        assert not isinstance(values, list) or not any(isinstance(v, bool) for v in values)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _objects(part)


def test_every_key_is_required() -> None:
    """The contract: every listed key is always present, except the ends of timestamps, and what
    only people have who keep a history."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        wanted = [] if name.endswith("Timestamps") else list(schema["properties"])
        wanted = [key for key in wanted if key != "last_seen" or name == "KeptHistory"]
        assert schema.get("required", []) == wanted, name


def test_every_key_is_described() -> None:
    """By a text, a reference or its only value."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["description"], name
        for key, value in schema["properties"].items():
            refers = "$ref" in json.dumps(value)
            only = "const" in value or len(value.get("enum", ())) == 1
            assert value.get("description") or refers or only, (name, key)


@pytest.mark.parametrize("content", contents())
def test_examples_match_their_schema(content: dict[str, Any]) -> None:
    """Without a key that is not described."""
    document = closed(json.loads(json.dumps(DOCUMENT)))
    for example in content.get("examples", {}).values():
        assert validation_errors(document, content["schema"], example["value"]) == []


def test_every_json_response_has_an_example() -> None:
    """Except the documents themselves."""
    for path, method, operation in operations(DOCUMENT):
        for status, response in operation["responses"].items():
            found = response.get("content", {}).get("application/json")
            if found and not path.endswith(".json"):
                assert found["examples"], (method, path, status)


def test_examples_are_those_of_the_docs() -> None:
    """docs/api.md shows the same examples."""
    shown = {b.heading: b.text for b in blocks(ROOT / "docs/api.md") if b.language == "json"}
    for heading, path in EXAMPLES.items():
        content = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]
        (example,) = content["application/json"]["examples"].values()
        assert json.dumps(example["value"]) == json.dumps(json.loads(shown[heading]))


def test_every_error_is_described() -> None:
    """Each row of the table, under its status, with its code, message and headers."""
    for problem in [*ERRORS.values(), errors.RATE_LIMITED, errors.DRAINING]:
        body = msgspec.json.decode(errors.body(problem))
        found = [
            response
            for _, method, operation in operations(DOCUMENT)
            for status, response in operation["responses"].items()
            if method != "head" and status == str(problem.status)
            if validation_errors(DOCUMENT, response["content"]["application/json"]["schema"], body)
            == []
        ]
        assert found, problem.code
        assert body in [
            example["value"]
            for response in found
            for example in response["content"]["application/json"]["examples"].values()
        ]
        for response in found:
            names = {name.lower() for name in response["headers"]}
            assert {name.decode() for name, _ in problem.headers} <= names


@pytest.mark.parametrize("path", sorted(DOCUMENT["paths"]))
def test_responses_of_every_route(path: str) -> None:
    """405, 429 and 500, and the header that says for how long the gateway has been silent."""
    for method in DOCUMENT["paths"][path].keys() & METHODS:
        responses = DOCUMENT["paths"][path][method]["responses"]
        assert {"405", "429", "500"} <= responses.keys()
        assert responses.keys() & {"200", "204", "302", "303"}
        assert {"Allow", "Cache-Control"} <= responses["405"]["headers"].keys()
        assert "Retry-After" in responses["429"]["headers"]
        assert all("X-Grux-Stale" in response["headers"] for response in responses.values())
        assert method != "head" or not any("content" in found for found in responses.values())


async def test_the_rate_limit_response_is_described() -> None:
    """The middleware in front of the router sends it, so the fuzzer never gets it."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    await errors.rate_limited(7)({}, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    described = DOCUMENT["paths"]["/"]["get"]["responses"][str(sent[0]["status"])]
    body = msgspec.json.decode(sent[1]["body"])
    schema = described["content"]["application/json"]["schema"]
    assert validation_errors(closed(json.loads(json.dumps(DOCUMENT))), schema, body) == []
    for name in described["headers"]:
        if HEADERS[name].get("required"):
            assert name.lower() in headers


@pytest.mark.parametrize("name", sorted(GOLDEN))
async def test_golden_responses_match_their_schema(port: int, name: str) -> None:
    """Every key of the rich user, the hostile user and the bot is described."""
    served = closed(msgspec.json.decode((await ask(port, "/openapi.json")).body))
    for path in ("/user/{user_id}", "/activity/{user_id}", "/now-playing/{user_id}"):
        answer = await ask(port, path.format(user_id=GOLDEN[name].user_id))
        content = served["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
        assert validation_errors(served, content["schema"], msgspec.json.decode(answer.body)) == []


async def test_servers(store: Store) -> None:
    """PUBLIC_URL first, then the address that the document came from."""
    async with serving(store, public_url="https://grux.example.org/api") as port:
        served = msgspec.json.decode((await ask(port, "/openapi.json")).body)
    assert served["servers"] == [{"url": "https://grux.example.org/api"}, {"url": "/"}]
    assert document()["servers"] == [{"url": "/"}]


async def test_it_can_be_cached_and_compressed(port: int) -> None:
    """Each form has its own tag, and gets 304 by it."""
    plain = await ask(port, "/openapi.json")
    zipped = await ask(port, "/openapi.json", "Accept-Encoding: br, gzip")
    assert plain.header("content-encoding") is None
    assert zipped.header("content-encoding") == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert len(zipped.body) < len(plain.body) / 5
    assert plain.header("etag") != zipped.header("etag")
    for form, accepted in ((plain, "identity"), (zipped, "gzip")):
        assert form.header("content-type") == "application/json; charset=utf-8"
        assert form.header("cache-control") == "no-cache"
        assert form.header("vary") == "Accept-Encoding"
        assert form.header("access-control-allow-origin") == "*"
        again = f"If-None-Match: {form.header('etag')}"
        same = await ask(port, "/openapi.json", again, f"Accept-Encoding: {accepted}")
        assert (same.status, same.body) == (304, b"")
        assert same.header("etag") == form.header("etag")
        assert same.header("content-encoding") is None


def test_it_is_deterministic() -> None:
    """Every replica serves the same bytes, so the same tag."""
    again = document("https://grux.example.org")
    assert msgspec.json.encode(again) == msgspec.json.encode(DOCUMENT)


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION == DOCUMENT["info"]["version"]
