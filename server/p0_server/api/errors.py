"""Every error as JSON: `{"error": {"code", "message", "hint"}}` with a fitting status."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from p0_access.encoding import encode
from p0_access.errors import MalformedError, P0Error
from p0_access.messages.views import ErrorBody, ErrorView
from p0_access.routing.decision import StepUp
from p0_server.errors import ServerError, StepUpRequiredError

_ROUTING_CODES = {404: "not_found", 405: "method_not_allowed"}


def error_answer(error: P0Error) -> Response:
    status = _status(error)
    headers = {"WWW-Authenticate": "P0"} if status == 401 else {}
    step_up = error.demands if isinstance(error, StepUpRequiredError) else None
    return _answer(status, error.code, str(error), error.hint, headers, step_up=step_up)


async def on_p0_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, P0Error):
        raise TypeError("registered for P0Error")
    return error_answer(error)


async def on_http_exception(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError("registered for HTTPException")
    code = _ROUTING_CODES.get(error.status_code, "http_error")
    return _answer(error.status_code, code, str(error.detail), None, dict(error.headers or {}))


def internal_error() -> Response:
    """For what nobody expected: the log has the rest."""
    return _answer(500, "internal_error", "the server made a mistake; it is in its log", None, {})


def _status(error: P0Error) -> int:
    if isinstance(error, ServerError):
        return error.status
    if isinstance(error, MalformedError):
        return 413 if error.code == "oversize" else 400
    return 422


def _answer(
    status: int,
    code: str,
    message: str,
    hint: str | None,
    headers: dict[str, str],
    *,
    step_up: tuple[StepUp, ...] | None = None,
) -> Response:
    body = ErrorBody(error=ErrorView(code=code, message=message, hint=hint, step_up=step_up))
    return Response(encode(body), status, headers, media_type="application/json")
