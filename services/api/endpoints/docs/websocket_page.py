"""The content of /docs/websocket, rendered from /asyncapi.json."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from services.api.endpoints.docs.reference_html import (
    code_block,
    fields,
    inline,
    json_text,
    markdown,
    reference_name,
    table,
    type_section,
)
from services.api.openapi.schemas import Json


def render_main(document: Json) -> str:
    """How to connect, every frame with an example, the close codes, and every type."""
    info, schemas = document["info"], dict(document["components"]["schemas"])
    channel, lanyard = (document["channels"][name] for name in ("frames", "lanyard"))
    frames, lanyard_frames = (
        [
            _frame(message, schemas.pop(reference_name(message["payload"])))
            for name, message in document["components"]["messages"].items()
            if name in one["messages"]
        ]
        for one in (channel, lanyard)
    )
    return "\n".join(
        [
            '<main class="reference" id="main">',
            f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
            markdown(info["description"]),
            _contents([*channel["messages"], "lanyard", *lanyard["messages"]]),
            '<h2 id="connect">Connect</h2>',
            code_block(f"{base_address(document)}/?user_id=…"),
            _query(channel["bindings"]["ws"]["query"]),
            markdown(channel["description"]),
            '<h2 id="frames">Frames</h2>',
            "<p>Each frame is a JSON object. The fields are always present unless they are marked "
            "as optional. Clients send the last two, and the server the others.</p>",
            *frames,
            f'<h2 id="lanyard">{escape(lanyard["title"])}</h2>',
            code_block(f"{base_address(document)}{lanyard['address']}"),
            _query(lanyard["bindings"]["ws"]["query"]),
            markdown(lanyard["description"]),
            *lanyard_frames,
            '<h2 id="types">Types</h2>',
            *(type_section(name, schema) for name, schema in schemas.items()),
            "</main>",
        ]
    )


def _contents(messages: Sequence[str]) -> str:
    places = ["connect", "when-the-connection-closes", *messages, "types"]
    links = (f'<li><a href="#{place}">{place.replace("-", " ")}</a></li>' for place in places)
    return f'<nav aria-label="On this page"><ul>{"".join(links)}</ul></nav>'


def base_address(document: Json) -> str:
    """Of the server, without a slash at the end."""
    server = document.get("servers", {}).get("public")
    base = "wss://…"
    if server is not None:
        base = f"{server['protocol']}://{server['host']}{server.get('pathname', '')}"
    return base.removesuffix("/")


def _query(query: Json) -> str:
    rows = [
        (f"<code>{escape(name)}</code>", inline(schema["description"]), _examples(schema))
        for name, schema in query["properties"].items()
    ]
    return table(("parameter", "description", "examples"), rows)


def _examples(schema: Json) -> str:
    return "<br>".join(f"<code>{escape(example)}</code>" for example in schema["examples"])


def _frame(message: Json, schema: Json) -> str:
    name = escape(message["name"])
    examples = (example["payload"] for example in message["examples"])
    return "\n".join(
        [
            f'<h3 id="{name}"><code>{name}</code></h3>',
            f"<p>{inline(message['summary'])}</p>",
            fields(schema),
            *(code_block(json_text(example)) for example in examples),
        ]
    )
