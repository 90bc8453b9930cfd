"""The OpenAPI 3.1 document, made from the operations and the records' own types.

`python -m p0_server.api.openapi` prints it; `docs/openapi.json` is that, and a test keeps it so.
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any, Final

import msgspec

from p0_access.messages.views import ErrorBody
from p0_server.api.operation import NoQuery, Operation
from p0_server.api.routes import OPERATIONS

_REF: Final = "#/components/schemas/{name}"

_REASONS: Final = {
    200: "OK",
    201: "Made",
    304: "The caller has the newest",
    400: "Malformed",
    401: "Who calls is not proven",
    403: "Not allowed",
    404: "Not there, or not to be seen",
    409: "The state of things does not allow it",
    413: "Too large",
    422: "Understood, and not acceptable",
    429: "More often than one identity may call",
    503: "Something that is needed does not answer",
}


def document() -> dict[str, Any]:
    """The same for every server of this version."""
    types = _types()
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    described = {
        "openapi": "3.1.0",
        "info": {
            "title": "p0 server",
            "version": "1",
            "description": "Requests for just-in-time PostgreSQL access, and the agents that serve them. Signed "
            "records travel as compact JWS texts; docs/protocol.md says what is in them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SECURITY},
    }
    return msgspec.json.decode(msgspec.json.encode(described), type=dict[str, Any])  # JSON values only: no tuples


def _types() -> list[Any]:
    found: list[Any] = [ErrorBody]
    for operation in OPERATIONS:
        candidates = [operation.body, *operation.answers.values()]
        found += [each for each in candidates if each not in {None, dict} and each not in found]
    return found


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": _SECURED[operation.caller],
        "responses": _responses(operation),
    }
    parameters = [*_path_parameters(operation), *_query_parameters(operation), *_header_parameters(operation)]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _json(operation.body)}
        described["requestBody"]["description"] = f"At most {operation.max_body} bytes."
    return described


def _responses(operation: Operation) -> dict[str, Any]:
    found: dict[int, Any] = {}
    for status, type_ in operation.answers.items():
        found[status] = {"description": _REASONS[status]}
        if operation.media_type != "application/json":
            found[status]["content"] = {operation.media_type: {"schema": {"type": "string"}}}
        elif type_ is not None:
            found[status]["content"] = _json(type_)
    errors = {400, *operation.errors} | ({401, 429, 503} if operation.caller == "person" else set())
    errors |= {401, 403, 429} if operation.caller == "agent" else set()
    errors |= {413} if operation.body is not None else set()
    for status in errors:
        found[status] = {"description": _REASONS[status], "content": _json(ErrorBody)}
    return {str(status): found[status] for status in sorted(found)}


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is NoQuery:
        return []
    properties = msgspec.json.schema(operation.query)["$defs"][operation.query.__name__]["properties"]
    described = inspect.getdoc(operation.query) or ""
    return [
        {"name": name, "in": "query", "required": False, "description": described, "schema": of_name}
        for name, of_name in properties.items()
    ]


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, "description": described, "schema": {"type": "string"}}
        for name, described in operation.headers.items()
    ]


def _json(type_: Any) -> dict[str, Any]:
    if type_ is dict:
        return {"application/json": {"schema": {"type": "object"}}}
    (schema,), _ = msgspec.json.schema_components([type_], ref_template=_REF)
    return {"application/json": {"schema": schema}}


_SECURITY: Final = {
    "identity": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`P0 ` and base64url of the JSON of an identity: the committed session key and its ID token.",
    },
    "agent": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`P0-Agent ` and the thumbprint of the agent's key.",
    },
    "possession": {
        "type": "apiKey",
        "in": "header",
        "name": "DPoP",
        "description": "A proof (`p0-proof+jws`) of the session's or agent's key, made for this very call, used once.",
    },
}

_SECURED: Final[dict[str, list[dict[str, list[str]]]]] = {
    "anyone": [],
    "person": [{"identity": [], "possession": []}],
    "agent": [{"agent": [], "possession": []}],
}


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document()), indent=2).decode() + "\n")
