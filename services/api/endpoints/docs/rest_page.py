"""The content of /docs, rendered from /openapi.json."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from services.api.endpoints.docs.reference_html import (
    code_block,
    inline,
    json_text,
    markdown,
    table,
    type_section,
    type_text,
)
from services.api.openapi.paths import HEADERS_ONLY
from services.api.openapi.schemas import Json

_METHODS = ("get", "post", "put", "patch", "delete")


def render_main(document: Json) -> str:
    """What the API is, every route with its responses and a form to try it, and every type."""
    info, schemas = document["info"], document["components"]["schemas"]
    tags = [tag for tag in document["tags"] if tag["name"] != HEADERS_ONLY]
    return "\n".join(
        [
            '<main class="reference" id="main">',
            f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
            markdown(info["description"]),
            _contents(document, tags),
            *(_tag(document, tag) for tag in tags),
            '<h2 id="types">Types</h2>',
            *(type_section(name, schema) for name, schema in schemas.items()),
            "</main>",
        ]
    )


def operations_of(document: Json, tag: str) -> Iterator[tuple[str, str, Json, list[Json]]]:
    """Method, path, operation and parameters of each route with this tag."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            operation = item.get(method)
            if operation is not None and tag in operation["tags"]:
                own = [*item.get("parameters", ()), *operation.get("parameters", ())]
                yield method, path, operation, own


def _contents(document: Json, tags: list[Json]) -> str:
    links = "".join(
        f'<li><a href="#{operation["operationId"]}">{_method(method)} {escape(path)}</a></li>'
        for tag in tags
        for method, path, operation, _ in operations_of(document, tag["name"])
    )
    types = '<li><a href="#types">Types</a></li>'
    return f'<nav aria-label="On this page"><ul>{links}{types}</ul></nav>'


def _method(method: str) -> str:
    return f'<span class="method">{method.upper()}</span>'


def _tag(document: Json, tag: Json) -> str:
    name = tag["name"]
    return "\n".join(
        [
            f'<h2 id="{escape(name.lower().replace(" ", "-"))}">{escape(name)}</h2>',
            f"<p>{inline(tag['description'])}</p>",
            *(_operation(*found) for found in operations_of(document, name)),
        ]
    )


def _operation(method: str, path: str, operation: Json, parameters: list[Json]) -> str:
    name = escape(operation["operationId"])
    return "\n".join(
        [
            f'<section class="route" aria-labelledby="{name}">',
            f'<h3 id="{name}">{_method(method)} <code>{escape(path)}</code></h3>',
            f"<p><strong>{inline(operation['summary'])}.</strong> "
            f"{inline(operation.get('description', ''))}</p>",
            _parameters(parameters),
            _form(path, operation, parameters) if method == "get" else "",
            _responses(operation["responses"]),
            *_examples(operation),
            "</section>",
        ]
    )


def _parameters(parameters: list[Json]) -> str:
    rows = [
        (
            f"<code>{escape(parameter['name'])}</code>",
            parameter["in"] + ("" if parameter.get("required") else ", optional"),
            type_text(parameter["schema"]),
            inline(parameter["description"]),
        )
        for parameter in parameters
    ]
    return table(("parameter", "in", "type", "description"), rows) if rows else ""


def _form(path: str, operation: Json, parameters: list[Json]) -> str:
    """Sends the request from the page: docs.js. Query parameters are written as in a URL."""
    name = operation["operationId"]
    found = [parameter for parameter in parameters if parameter["in"] == "path"]
    inputs = [(parameter["name"], str(parameter.get("example", ""))) for parameter in found]
    optional = [parameter["name"] for parameter in parameters if parameter["in"] == "query"]
    if optional:
        inputs.append(("?", ""))
    fields = "".join(
        f"<label>{'query' if place == '?' else escape(place)} "
        f'<input name="{escape(place)}" value="{escape(value)}" autocomplete="off" '
        f'spellcheck="false"{_placeholder(place, optional)}></label>'
        for place, value in inputs
    )
    picture = " data-picture" if _is_picture(operation) else ""
    return (
        f'<form class="try" data-path="{escape(path)}"{picture} aria-label="Try {escape(name)}">'
        f'{fields}<button type="submit">Send</button></form>'
    )


def _placeholder(place: str, optional: list[str]) -> str:
    return f' placeholder="{escape(optional[0])}=…"' if place == "?" else ""


def _is_picture(operation: Json) -> bool:
    media = operation["responses"].get("200", {}).get("content", {})
    return "302" in operation["responses"] or any(name.startswith("image/") for name in media)


def _responses(responses: Json) -> str:
    rows = [
        (
            f"<code>{escape(status)}</code>",
            inline(found["description"]),
            _bodies(found.get("content", {})),
        )
        for status, found in responses.items()
    ]
    return table(("status", "meaning", "body"), rows)


def _bodies(content: Json) -> str:
    return " or ".join(_body(media, found["schema"]) for media, found in content.items())


def _body(media: str, schema: Json) -> str:
    while "allOf" in schema:  # a type, narrowed to some error codes
        schema = schema["allOf"][0]
    return type_text(schema) if media == "application/json" else escape(media)


def _examples(operation: Json) -> Iterator[str]:
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
    for example in content.get("examples", {}).values():
        summary = escape(example.get("summary", "Example"))
        block = code_block(json_text(example["value"]))
        yield f"<details><summary>Example: {summary}</summary>{block}</details>"
