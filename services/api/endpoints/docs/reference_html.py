"""Parts of the pages at /docs: descriptions, tables and JSON Schemas as HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from services.api.openapi.schemas import Json

_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")


def type_section(name: str, schema: Json) -> str:
    about = f"<p>{inline(schema['description'])}</p>"
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>\n{about}\n{fields(schema)}'


def fields(schema: Json) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(name)}</code>",
            type_text(field) + ("" if name in required else ", optional"),
            inline(field.get("description", "")),
        )
        for name, field in schema["properties"].items()
    ]
    return table(("field", "type", "description"), rows)


def type_text(schema: Json) -> str:
    """A schema in words, with a link to each type of its own."""
    return describe_type(schema, _type_link, value_text)


def describe_type(
    schema: Json, type_name: Callable[[Json], str], value: Callable[[Any], str]
) -> str:
    """A schema in words. `type_name` renders a reference to a type, `value` a constant."""

    def words(part: Json) -> str:
        return describe_type(part, type_name, value)

    match schema:
        case {"$ref": _}:
            return type_name(schema)
        case {"anyOf": forms}:
            return " or ".join(words(form) for form in forms)
        case {"const": constant}:
            return value(constant)
        case {"enum": constants}:
            return " or ".join(value(constant) for constant in constants)
        case {"type": [kind, "null"]}:
            return f"{words({**schema, 'type': kind})} or null"
        case {"type": "array", "items": items, "minItems": least, "maxItems": most} if (
            least == most
        ):
            return f"array of {least} × {words(items)}"
        case {"type": "array", "items": items}:
            return f"array of {words(items)}"
        case {"type": "object", "additionalProperties": values}:
            return f"object of {words(values)}"
        case _:
            return escape(str(schema.get("type", "any JSON")))


def _type_link(reference: Json) -> str:
    name = escape(reference_name(reference))
    return f'<a href="#{name}">{name}</a>'


def reference_name(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def value_text(value: Any) -> str:
    return f"<code>{escape(msgspec.json.encode(value).decode(), quote=False)}</code>"


def markdown(text: str) -> str:
    """What the document's descriptions use: paragraphs, `##` headings, tables and code."""
    return "\n".join(_block(block) for block in text.strip().split("\n\n"))


def _block(block: str) -> str:
    if block.startswith("## "):
        heading = block.removeprefix("## ")
        return f'<h2 id="{heading.lower().replace(" ", "-")}">{inline(heading)}</h2>'
    if block.startswith("|"):
        head, _, *rows = (
            [inline(cell.strip()) for cell in line.strip("|").split("|")]
            for line in block.splitlines()
        )
        return table(head, rows)
    return f"<p>{inline(block)}</p>"


def inline(text: str) -> str:
    return _LINK.sub(r'<a href="\2">\1</a>', _CODE.sub(r"<code>\1</code>", escape(text)))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide" tabindex="0"><table>\n<thead><tr>{columns}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def json_text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def code_block(text: str) -> str:
    return f'<pre tabindex="0"><code>{escape(text, quote=False)}</code></pre>'
