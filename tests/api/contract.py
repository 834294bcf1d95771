"""How tests read the documents that the api serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

Json = dict[str, Any]

METHODS = ("get", "head", "post", "put", "patch", "delete")


def closed(document: Json) -> Json:
    """The document with objects that allow only the keys they name.

    Clients must accept keys that are added later, so the document itself leaves objects open.
    """
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return document


def validation_errors(document: Json, schema: Json, value: Any) -> list[str]:
    """Validation errors of `value`. References in `schema` are resolved in `document`."""
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def resolved(document: Json, part: Json) -> Json:
    """`part`, or what its reference points to."""
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
        for method in METHODS:
            if method in item:
                yield path, method, item[method]
