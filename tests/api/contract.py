"""The documents that the api serves, as their tests read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

Json = dict[str, Any]


def closed(document: Json) -> Json:
    """Objects in `components` allow no other key than those they name.

    Clients must take keys that come later, so the document itself leaves them open.
    """
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return document


def complaints(document: Json, schema: Json, value: Any) -> list[str]:
    """What is wrong with `value`. References in `schema` lead into `document`."""
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def resolved(document: Json, part: Json) -> Json:
    """`part`, or what its reference names."""
    found: Any = part
    while "$ref" in found:
        pointer = found["$ref"].removeprefix("#/")
        found = document
        for key in pointer.split("/"):
            found = found[key]
    return dict(found)


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and description of each."""
    for path, item in document["paths"].items():
        for method in ("get", "head"):
            yield path, method, item[method]
