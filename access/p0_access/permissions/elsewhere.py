"""How other databases and their clients say what PostgreSQL says otherwise: a hint for a word it does not know.

Hints only: nothing that is understood is looked up here.
"""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = 'PostgreSQL quotes names as "name".'
_LIMIT: Final = "In PostgreSQL that is LIMIT count OFFSET start, at the end of the query."
_NO_BATCHES: Final = "A statement ends with a semicolon."
_DESCRIBE: Final = "In psql that is \\d and the table's name."
_NO_VARIABLES: Final = "SQL has no variables: write the value, or a WITH query that yields it."

# By the word at which the parser stops.
_WORDS: Final = {
    "[": f"{_NAMES[:-1]}, and writes arrays as ARRAY[…].",
    "@": _NO_VARIABLES,
    "use": "A connection is to one database; write the schema before the name.",
    "describe": _DESCRIBE,
    "desc": _DESCRIBE,
    "kill": "In PostgreSQL that is pg_terminate_backend(pid), for which ask for the role pg_signal_backend (--role).",
    "go": _NO_BATCHES,
    "delimiter": f"{_NO_BATCHES[:-1]}; bodies of functions stand between $$ and $$.",
    "exec": "In PostgreSQL that is CALL name(…), or SELECT name(…).",
    "replace": "In PostgreSQL that is INSERT … ON CONFLICT (…) DO UPDATE SET ….",
    "ignore": "In PostgreSQL that is INSERT … ON CONFLICT DO NOTHING.",
    "tran": "In PostgreSQL that is BEGIN and COMMIT.",
    "pragma": "In psql \\d and the table's name describes it.",
    "plan": "In PostgreSQL that is EXPLAIN and the query.",
    "optimize": "In PostgreSQL that is VACUUM, which the table's owner runs.",
    "print": "In PostgreSQL that is SELECT.",
}
_TOP: Final = re.compile(r"\bselect\s+top\b", re.IGNORECASE)

_FUNCTIONS: Final = {
    **dict.fromkeys(("ifnull", "isnull", "nvl"), "In PostgreSQL that is coalesce(value, otherwise)."),
    **dict.fromkeys(("getdate", "sysdate", "systimestamp"), "In PostgreSQL that is now()."),
    **dict.fromkeys(("group_concat", "listagg"), "In PostgreSQL that is string_agg(value, separator)."),
    **dict.fromkeys(("charindex", "instr", "locate"), "In PostgreSQL that is strpos(text, part)."),
    "len": "In PostgreSQL that is length(text).",
    "date_format": "In PostgreSQL that is to_char(time, format).",
    "str_to_date": "In PostgreSQL that is to_date(text, format), or to_timestamp.",
    "datediff": "In PostgreSQL dates are subtracted: later - earlier.",
    "rand": "In PostgreSQL that is random().",
    "last_insert_id": "In PostgreSQL that is INSERT … RETURNING id.",
    "newid": "In PostgreSQL that is gen_random_uuid().",
    "uuid": "In PostgreSQL that is gen_random_uuid().",
    "if": "In PostgreSQL that is CASE WHEN … THEN … ELSE … END.",
    "iif": "In PostgreSQL that is CASE WHEN … THEN … ELSE … END.",
}
_RELATIONS: Final = {"dual": "In PostgreSQL a SELECT needs no FROM."}
_COLUMNS: Final = {
    "rownum": "In PostgreSQL that is LIMIT, or row_number() OVER ().",
    "sysdate": _FUNCTIONS["sysdate"],
    "rowid": "In PostgreSQL that is ctid, but it changes with every update of the row.",
}
_OPERATORS: Final = {"==": "In PostgreSQL that is =."}
_SHOWN: Final = {
    "tables": "In psql that is \\dt.",
    "databases": "In psql that is \\l.",
    "schemas": "In psql that is \\dn.",
    "views": "In psql that is \\dv.",
    "indexes": "In psql that is \\di.",
    "columns": _DESCRIBE,
    "functions": "In psql that is \\df.",
    "users": "In psql that is \\du.",
    "grants": "In psql that is \\dp.",
    "processlist": "In PostgreSQL that is SELECT * FROM pg_stat_activity.",
    "variables": "In PostgreSQL that is SHOW ALL.",
}


def syntax(message: str, text: str) -> str | None:
    """For a text that the parser refuses with this message."""
    if message.startswith("LIMIT #,#"):
        return _LIMIT
    _, _, near = message.partition('at or near "')
    hint = _WORDS.get(near.removesuffix('"').lower())
    if hint is None and "`" in text:
        return _NAMES
    if hint is None and _TOP.search(text):
        return _LIMIT
    return hint


def function(name: str) -> str | None:
    return _FUNCTIONS.get(name)


def relation(name: str) -> str | None:
    return _RELATIONS.get(name)


def column(name: str) -> str | None:
    return _COLUMNS.get(name)


def operator(name: str) -> str | None:
    return _OPERATORS.get(name)


def shown(name: str) -> str | None:
    """For SHOW and a word that is no setting."""
    return _SHOWN.get(name)
