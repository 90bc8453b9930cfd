"""Catalog names as they are written in SQL."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_$]*\Z")


def identifier(name: str) -> str:
    """`name` as an SQL identifier, quoted if it would not stand for itself without quotes (case, keywords)."""
    return name if _PLAIN.match(name) and not _is_reserved(name) else '"' + name.replace('"', '""') + '"'


def _is_reserved(name: str) -> bool:
    from postgast import pg_query_pb2, scan

    (token, *_) = scan(name).tokens
    return token.keyword_kind in {
        pg_query_pb2.RESERVED_KEYWORD,
        pg_query_pb2.TYPE_FUNC_NAME_KEYWORD,
        pg_query_pb2.COL_NAME_KEYWORD,
    }
