"""The control API as an OpenAPI 3.1 document, made from the declared operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import edgesync
from edgesync.console.reading import is_readable, reaches_outside
from edgesync.operations.registry import Operation, Parameter

_ERROR = {"$ref": "#/components/responses/Error"}
_ERROR_STATUSES = {
    "400": "the parameters do not fit",
    "401": "the token is missing or wrong",
    "403": "another site's page asked",
    "404": "no such operation, server, entry or certificate",
    "405": "the method is not allowed here",
    "409": "refused by a rule, or a question has to be answered first",
    "413": "the body is too large",
    "421": "the Host header names somebody else",
    "422": "the operation failed, or only a part was done",
    "500": "a fault of the tool",
    "502": "a peer could not be reached",
    "503": "too many calls wait for the lab, or it is starting",
}


def document(operations: Iterable[Operation], server: str) -> dict[str, Any]:
    """The whole description; ``server`` is the address it is served from."""
    paths: dict[str, Any] = {
        "/healthz": {"get": _plain("healthz", "Whether every listener passed its self-test")},
        "/metrics": {"get": _metrics()},
        "/api/v1/operations": {"get": _plain("operations", "Every operation with its parameters")},
        "/api/v1/events": {"get": _events()},
    }
    for operation in operations:
        paths[f"/api/v1/operations/{operation.name}"] = _path(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "EdgeSync lab",
            "version": edgesync.__version__,
            "description": "Everything the command line does, on a running lab.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"Error": _error_response()},
            "schemas": {"Message": _message(), "Error": _error_body()},
        },
    }


def _path(operation: Operation) -> dict[str, Any]:
    path = {"post": _post(operation)}
    if is_readable(operation):
        path["get"] = _get(operation)
    return path


def _post(operation: Operation) -> dict[str, Any]:
    return {
        "operationId": operation.name,
        "tags": [operation.noun],
        "summary": operation.summary,
        "description": f"{operation.details}\n\nCommand: `{operation.example}`".strip(),
        "security": [{"token": []}],
        "requestBody": {
            "required": False,
            "content": {"application/json": {"schema": request_schema(operation)}},
        },
        "responses": _responses(),
    }


def request_schema(operation: Operation) -> dict[str, Any]:
    """JSON Schema of the body that calls an operation."""
    required = [p.name for p in operation.parameters if p.is_required]
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {p.name: _in_body(p) for p in operation.parameters},
        "additionalProperties": False,
    }
    body: dict[str, Any] = {
        "type": "object",
        "properties": {
            "parameters": parameters,
            "answer": {
                "type": ["boolean", "null"],
                "description": "the answer to the operation's question",
            },
            "note": {"type": "string", "description": "what the change log will call this"},
        },
        "additionalProperties": False,
    }
    if required:
        parameters["required"] = required
        body["required"] = ["parameters"]
    return body


def _in_body(parameter: Parameter) -> dict[str, Any]:
    """The parameter's schema: a list of one may be the one, what may be left out may be null."""
    schema = parameter.schema()
    types = [schema["type"]]
    if parameter.is_list:
        types.append(schema["items"]["type"])
    if not parameter.is_required:
        types.append("null")
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return {**schema, "type": types if len(types) > 1 else types[0]}


def _get(operation: Operation) -> dict[str, Any]:
    return {
        "operationId": f"{operation.name}.get",
        "tags": [operation.noun],
        "summary": operation.summary,
        "parameters": [
            {
                "name": p.name,
                "in": "query",
                "required": p.is_required,
                "schema": p.schema(),
                "description": p.help.text,
            }
            for p in operation.parameters
            if not reaches_outside(p)
        ],
        "responses": _responses(),
    }


def _responses() -> dict[str, Any]:
    message = {"schema": {"$ref": "#/components/schemas/Message"}}
    return {
        "200": {
            "description": "the outcome",
            "content": {"application/json": message, "application/x-ndjson": message},
        },
        **dict.fromkeys(_ERROR_STATUSES, _ERROR),
    }


def _plain(name: str, summary: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    answer = {"description": summary, "content": content}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": answer, "503": answer, "421": _ERROR},
    }


def _metrics() -> dict[str, Any]:
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {
        "operationId": "metrics",
        "summary": "Numbers for Prometheus",
        "responses": {"200": {"description": "text format 0.0.4", "content": content}},
    }


def _events() -> dict[str, Any]:
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    after = {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0}}
    return {
        "operationId": "events",
        "summary": "Events as they happen (server-sent events)",
        "parameters": [{**after, "description": "number of the last event already seen"}],
        "responses": {
            "200": {"description": "one event after another", "content": content},
            "400": _ERROR,
            "503": _ERROR,
        },
    }


def _message() -> dict[str, Any]:
    outcome = {
        "type": "object",
        "required": ["document", "exit_code", "notes"],
        "properties": {
            "document": {"type": "object", "description": "what -o json prints"},
            "exit_code": {"type": "integer", "description": "how the command would end"},
            "notes": {"type": "array", "items": {"type": "string"}},
        },
    }
    question = {
        "type": "object",
        "required": ["text", "default"],
        "properties": {"text": {"type": "string"}, "default": {"type": "boolean"}},
    }
    return {
        "type": "object",
        "properties": {
            "progress": {"type": "object", "description": "application/x-ndjson only"},
            "outcome": outcome,
            "question": question,
            "error": {"$ref": "#/components/schemas/Error"},
        },
    }


def _error_body() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["code", "message", "hint", "exit_code"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "hint": {"type": "string"},
            "exit_code": {"type": "integer"},
        },
    }


def _error_response() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "error": {"$ref": "#/components/schemas/Error"},
            "question": {"type": "object"},
        },
    }
    return {
        "description": "what happened and what to do",
        "content": {"application/json": {"schema": schema}},
    }
