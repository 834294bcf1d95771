"""/docs and /docs/websocket as Markdown, from the same documents: for tools that read text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from services.api.endpoints.docs.guide_page import slug
from services.api.endpoints.docs.reference_html import describe_type, json_text, reference_name
from services.api.endpoints.docs.rest_page import operations_of
from services.api.endpoints.docs.websocket_page import base_address
from services.api.openapi.paths import HEADERS_ONLY
from services.api.openapi.schemas import Json


def rest(document: Json) -> str:
    """Every route with its parameters, responses and examples, and every type."""
    info, schemas = document["info"], document["components"]["schemas"]
    parts = [f"# {info['title']} {info['version']}", _rebased(info["description"])]
    for tag in document["tags"]:
        if tag["name"] == HEADERS_ONLY:
            continue
        parts += [f"## {tag['name']}", _rebased(tag["description"])]
        for method, path, operation, parameters in operations_of(document, tag["name"]):
            parts += _operation(method, path, operation, parameters)
    return _joined([*parts, "## Types", *_types(schemas)])


def websocket(document: Json) -> str:
    """How to connect, every frame with an example, the close codes, and every type."""
    info, schemas = document["info"], dict(document["components"]["schemas"])
    parts = [f"# {info['title']} {info['version']}", _rebased(info["description"])]
    parts[1] = parts[1].replace(
        "(#lanyard)", f"(#{slug(document['channels']['lanyard']['title'])})"
    )
    for name, channel in document["channels"].items():
        query = channel["bindings"]["ws"]["query"]["properties"]
        parts += [
            f"## {channel['title']}",
            code_block(f"{base_address(document)}{channel['address']}"),
            _table(
                ("parameter", "description", "examples"),
                [
                    (f"`{key}`", schema["description"], ", ".join(map(_value, schema["examples"])))
                    for key, schema in query.items()
                ],
            ),
            _rebased(channel["description"]).replace("\n## ", "\n### "),
        ]
        for key in document["channels"][name]["messages"]:
            message = document["components"]["messages"][key]
            parts += [f"### `{message['name']}`", " ".join(message["summary"].split())]
            parts.append(_fields(schemas.pop(reference_name(message["payload"]))))
            parts += [code_block(json_text(one["payload"]), "json") for one in message["examples"]]
    return _joined([*parts, "## Types", *_types(schemas)])


def code_block(text: str, language: str = "") -> str:
    return f"```{language}\n{text}\n```"


def _operation(
    method: str, path: str, operation: Json, parameters: Sequence[Json]
) -> Iterable[str]:
    yield f"### {method.upper()} {path}"
    yield _rebased(f"**{operation['summary']}.** {operation.get('description', '')}".strip())
    if parameters:
        rows = [
            (
                f"`{one['name']}`",
                one["in"] + ("" if one.get("required") else ", optional"),
                type_words(one["schema"]),
                one["description"],
            )
            for one in parameters
        ]
        yield _table(("parameter", "in", "type", "description"), rows)
    answers = [
        (status, found["description"], _bodies(found.get("content", {})))
        for status, found in operation["responses"].items()
    ]
    yield _table(("status", "meaning", "body"), answers)
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    for example in content.get("examples", {}).values():
        yield f"{example.get('summary', 'Example')}:"
        yield code_block(json_text(example["value"]), "json")


def _bodies(content: Json) -> str:
    return " or ".join(_body(media, found["schema"]) for media, found in content.items())


def _body(media: str, schema: Json) -> str:
    while "allOf" in schema:  # a type, narrowed to some error codes
        schema = schema["allOf"][0]
    return type_words(schema) if media == "application/json" else media


def _types(schemas: Json) -> Iterable[str]:
    for name, schema in schemas.items():
        yield f"### {name}"
        yield schema["description"]
        yield _fields(schema)


def _fields(schema: Json) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"`{name}`",
            type_words(field) + ("" if name in required else ", optional"),
            field.get("description", ""),
        )
        for name, field in schema["properties"].items()
    ]
    return _table(("field", "type", "description"), rows)


def type_words(schema: Json) -> str:
    """A schema in words."""
    return describe_type(schema, reference_name, _value)


def _value(value: Any) -> str:
    return f"`{msgspec.json.encode(value).decode()}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _rebased(text: str) -> str:
    """Links of the documents lead from `/`; this text is below /docs/."""
    return text.strip().replace("](./", "](../")


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
