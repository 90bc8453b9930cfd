"""The process that reads. It holds rules and catalogs, no key, no token and no connection; it ends with its parent.

    p0-server → child   frames of msgpack: the rules first, then questions
    child → p0-server   an empty frame when ready, then for each question a preview

A frame is a 4-byte big-endian length and as many bytes.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from importlib import import_module
from typing import BinaryIO, Final

import msgspec

from p0_access.permissions.catalog import Catalog
from p0_access.permissions.catalog_text import decode_catalog
from p0_access.routing.load import load
from p0_server.preview.draft import Draft, preview

MAX_CATALOGS: Final = 16
"""Catalogs that a child keeps; the one used longest ago goes first."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of the rules file, which its parent has loaded before."""

    data: bytes
    source: str


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`key` names the catalog; `catalog` is its JSON, and is sent when the child has not got it.

    Without a draft it is only taken in.
    """

    key: str
    catalog: str | None = None
    draft: Draft | None = None


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the questions end."""
    links = import_module("p0_access.permissions.infer.links").links  # loads the parser, before deadlines count
    first = _receive(questions)
    if first is None:
        return
    given = msgspec.msgpack.decode(first, type=Rules)
    rules = load(given.data, source=given.source)
    import sqlglot  # noqa: F401  the second opinion imports it when first asked, which would count against a deadline

    _send(answers, b"")
    catalogs: OrderedDict[str, Catalog] = OrderedDict()
    while (received := _receive(questions)) is not None:
        question = msgspec.msgpack.decode(received, type=Question)
        if question.catalog is not None:
            catalogs[question.key] = decode_catalog(question.catalog)
            links(catalogs[question.key])  # which takes a while over a large one, and would count against a deadline
            if len(catalogs) > MAX_CATALOGS:
                catalogs.popitem(last=False)
        catalogs.move_to_end(question.key)
        answer = b""
        if question.draft is not None:
            answer = msgspec.msgpack.encode(preview(question.draft, catalogs[question.key], rules))
        _send(answers, answer)


def _receive(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    return stream.read(int.from_bytes(head, "big")) if len(head) == 4 else None


def _send(stream: BinaryIO, body: bytes) -> None:
    stream.write(frame(body))
    stream.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
