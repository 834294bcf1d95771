"""The content of /docs/websocket, rendered from /asyncapi.json."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from services.api.openapi.schemas import Json

_CODE = re.compile(r"`([^`]+)`")


def render_main(document: Json) -> str:
    """How to connect, every frame with an example, the close codes, and every type."""
    info, channel = document["info"], document["channels"]["frames"]
    messages = document["components"]["messages"]
    schemas = dict(document["components"]["schemas"])
    frames = [
        _frame(message, schemas.pop(_name(message["payload"]))) for message in messages.values()
    ]
    return "\n".join(
        [
            '<main class="reference">',
            f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
            _markdown(info["description"]),
            _contents(messages),
            '<h2 id="connect">Connect</h2>',
            _code_block(_address(document)),
            _query(channel["bindings"]["ws"]["query"]),
            _markdown(channel["description"]),
            '<h2 id="frames">Frames</h2>',
            "<p>Each frame is a JSON object. The fields are always present unless they are marked "
            "as optional.</p>",
            *frames,
            '<h2 id="types">Types</h2>',
            *(_type_section(name, schema) for name, schema in schemas.items()),
            "</main>",
        ]
    )


def _contents(messages: Json) -> str:
    places = ["connect", "when-the-connection-closes", *messages, "types"]
    links = (f'<li><a href="#{place}">{place.replace("-", " ")}</a></li>' for place in places)
    return f'<nav aria-label="On this page"><ul>{"".join(links)}</ul></nav>'


def _address(document: Json) -> str:
    server = document.get("servers", {}).get("public")
    base = "wss://…"
    if server is not None:
        base = f"{server['protocol']}://{server['host']}{server.get('pathname', '')}"
    return f"{base.removesuffix('/')}/?user_id=…"


def _query(query: Json) -> str:
    rows = [
        (f"<code>{escape(name)}</code>", _inline(schema["description"]), _examples(schema))
        for name, schema in query["properties"].items()
    ]
    return _table(("parameter", "description", "examples"), rows)


def _examples(schema: Json) -> str:
    return "<br>".join(f"<code>{escape(example)}</code>" for example in schema["examples"])


def _frame(message: Json, schema: Json) -> str:
    name = escape(message["name"])
    examples = (example["payload"] for example in message["examples"])
    return "\n".join(
        [
            f'<h3 id="{name}"><code>{name}</code></h3>',
            f"<p>{_inline(message['summary'])}</p>",
            _fields(schema),
            *(_code_block(_json(example)) for example in examples),
        ]
    )


def _type_section(name: str, schema: Json) -> str:
    about = f"<p>{_inline(schema['description'])}</p>"
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>\n{about}\n{_fields(schema)}'


def _fields(schema: Json) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(name)}</code>",
            _type(field) + ("" if name in required else ", optional"),
            _inline(field.get("description", "")),
        )
        for name, field in schema["properties"].items()
    ]
    return _table(("field", "type", "description"), rows)


def _type(schema: Json) -> str:
    """A schema in words, with a link to each type of its own."""
    match schema:
        case {"$ref": _}:
            name = escape(_name(schema))
            return f'<a href="#{name}">{name}</a>'
        case {"anyOf": forms}:
            return " or ".join(_type(form) for form in forms)
        case {"const": value}:
            return _value(value)
        case {"enum": values}:
            return " or ".join(_value(value) for value in values)
        case {"type": [kind, "null"]}:
            return f"{_type({**schema, 'type': kind})} or null"
        case {"type": "array", "items": items, "minItems": least, "maxItems": most} if (
            least == most
        ):
            return f"array of {least} × {_type(items)}"
        case {"type": "array", "items": items}:
            return f"array of {_type(items)}"
        case {"type": "object", "additionalProperties": values}:
            return f"object of {_type(values)}"
        case _:
            return escape(schema["type"])


def _name(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _value(value: Any) -> str:
    return f"<code>{escape(msgspec.json.encode(value).decode(), quote=False)}</code>"


def _markdown(text: str) -> str:
    """What the document's descriptions use: paragraphs, `##` headings, tables and code."""
    return "\n".join(_block(block) for block in text.strip().split("\n\n"))


def _block(block: str) -> str:
    if block.startswith("## "):
        heading = block.removeprefix("## ")
        return f'<h2 id="{heading.lower().replace(" ", "-")}">{_inline(heading)}</h2>'
    if block.startswith("|"):
        head, _, *rows = (
            [_inline(cell.strip()) for cell in line.strip("|").split("|")]
            for line in block.splitlines()
        )
        return _table(head, rows)
    return f"<p>{_inline(block)}</p>"


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide" tabindex="0"><table>\n<thead><tr>{columns}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _code_block(text: str) -> str:
    return f'<pre tabindex="0"><code>{escape(text, quote=False)}</code></pre>'
