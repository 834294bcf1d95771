"""/openapi.json: OpenAPI 3.1.1, put together once when the process starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.api.openapi import shapes
from services.api.openapi.headers import ALWAYS, HEADERS
from services.api.openapi.operation import Content, Operation, Parameter, ProblemKey, Reply
from services.api.openapi.schemas import Json, ref, schemas
from shared.http import errors
from shared.http.errors import ERRORS, RATE_LIMITED, ApiError

VERSION: Final = "0.1.0"

LICENSE: Final = {"name": "MIT", "identifier": "MIT"}

ABOUT: Final = """\
Discord presence as one fetch or one WebSocket.

No key and no account: any website may ask (CORS is open). Every answer is JSON in UTF-8 and says
`success`. Ids are strings. A key that is listed is always there, and null where nothing is known;
keys may be added later, none is renamed, retyped or dropped.

To be told of changes without asking, use the [WebSocket](./docs/websocket).
"""

HEADERS_ONLY: Final = "Headers only"

TAGS: Final = (
    {"name": "Presence", "description": "What people do now."},
    {"name": "Pictures", "description": "For places where no script runs."},
    {"name": "Service", "description": "What this is, and whether it is well."},
    {"name": "Documents", "description": "For tools."},
    {"name": HEADERS_ONLY, "description": "HEAD works wherever GET does."},
)

_EVERYWHERE: Final = (ERRORS[405], RATE_LIMITED, ERRORS[Exception])


def document(operations: Sequence[Operation], public_url: str = "") -> Json:
    """`public_url`: PUBLIC_URL, where clients reach this; without it they ask whom they asked."""
    kinds = {kind for operation in operations for kind in _kinds(operation)}
    kinds |= {shapes.ErrorAnswer, shapes.NotMonitoredAnswer}
    addresses = [{"url": url} for url in (public_url, "/") if url]
    return {
        "openapi": "3.1.1",
        "info": {"title": "Grux", "version": VERSION, "description": ABOUT, "license": LICENSE},
        "servers": addresses,
        "tags": list(TAGS),
        "paths": {operation.path: _path(operation) for operation in operations},
        "components": {
            "schemas": schemas(sorted(kinds, key=lambda kind: kind.__name__)),
            "headers": HEADERS,
        },
    }


def _path(operation: Operation) -> Json:
    """HEAD is GET without bodies. RFC 9110, 9.3.2."""
    read = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        **({"description": operation.text} if operation.text else {}),
    }
    head = {
        "operationId": operation.name.replace("get", "head", 1),
        "tags": [HEADERS_ONLY],
        "summary": operation.summary,
    }
    return {
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "get": {**read, "responses": _responses(operation, bodies=True)},
        "head": {**head, "responses": _responses(operation, bodies=False)},
    }


def _parameter(parameter: Parameter) -> Json:
    shown = {} if parameter.example is None else {"example": parameter.example}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text,
        "required": parameter.required,
        "schema": parameter.schema,
        **shown,
    }


def _responses(operation: Operation, *, bodies: bool) -> Json:
    replies = {**operation.replies, **_failures(operation.problems)}
    return {str(status): _response(replies[status], bodies) for status in sorted(replies)}


def _response(reply: Reply, bodies: bool) -> Json:
    names = (*reply.headers, *ALWAYS)
    response = {
        "description": reply.text,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    if bodies and reply.contents:
        response["content"] = {content.media: _media(content) for content in reply.contents}
    return response


def _media(content: Content) -> Json:
    schema = content.schema if isinstance(content.schema, dict) else ref(content.schema)
    examples = {
        "".join(word.capitalize() for word in name.split()): {"summary": name, "value": value}
        for name, value in content.examples.items()
    }
    return {"schema": schema, **({"examples": examples} if examples else {})}


def _failures(keys: Iterable[ProblemKey]) -> dict[int, Reply]:
    found = [key if isinstance(key, ApiError) else ERRORS[key] for key in keys]
    found += _EVERYWHERE
    by_status = groupby(sorted(found, key=lambda problem: problem.status), lambda p: p.status)
    return {status: _failure(list(same)) for status, same in by_status}


def _failure(same: list[ApiError]) -> Reply:
    names = {name.decode() for problem in same for name, _ in problem.headers}
    if RATE_LIMITED in same:
        names.add("retry-after")
    by_code = {problem.code: _code(problem) for problem in same}  # one code may have two reasons
    codes = " or ".join(f"`{code}`" for code in by_code)
    forms = list(by_code.values())
    content = Content(
        schema=forms[0] if len(forms) == 1 else {"oneOf": forms},
        examples={
            problem.code
            if at == 0 or len(by_code) == len(same)
            else f"{problem.code} {at + 1}": msgspec.json.decode(errors.body(problem))
            for at, problem in enumerate(same)
        },
    )
    spelled = tuple(name for name in HEADERS if name.lower() in names)
    return Reply(text=codes, contents=(content,), headers=("Cache-Control", *spelled))


def _code(problem: ApiError) -> Json:
    """The answer's shape with this very code."""
    if problem.code == "user_not_monitored":
        return ref(shapes.NotMonitoredAnswer)
    code = {"properties": {"code": {"const": problem.code}}}
    return {"allOf": [ref(shapes.ErrorAnswer), {"properties": {"error": code}}]}


def _kinds(operation: Operation) -> Iterable[type[Struct]]:
    contents: Iterable[Any] = (
        content.schema for reply in operation.replies.values() for content in reply.contents
    )
    return (schema for schema in contents if not isinstance(schema, dict))
