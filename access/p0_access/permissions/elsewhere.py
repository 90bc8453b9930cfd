"""How other databases and their clients say what PostgreSQL says otherwise, and how one slips: a hint for what it does
not know.

Hints only: nothing that is understood is looked up here.
"""

from __future__ import annotations

import re
from typing import Final

from p0_access.nearest import nearest

_NAMES: Final = 'PostgreSQL quotes names as "name".'
_LIMIT: Final = "In PostgreSQL that is LIMIT count OFFSET start, at the end of the query."
_NO_BATCHES: Final = "A statement ends with a semicolon."
_DESCRIBE: Final = "In psql that is \\d and the table's name."
_NO_VARIABLES: Final = "SQL has no variables: write the value, or a WITH query that yields it."

_REGULAR: Final = "In PostgreSQL that is ~, or ~* where case does not matter."
_VALUES: Final = "Write the value: what is signed is exactly what runs."

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
    "extended": "In PostgreSQL that is EXPLAIN (VERBOSE) and the query.",
    "rlike": _REGULAR,
    "regexp": _REGULAR,
    "{": _VALUES,
    "%": _VALUES,
    "?": _VALUES,
}

# By what stands around that place.
_PHRASES: Final = tuple(
    (re.compile(phrase, re.IGNORECASE), hint)
    for phrase, hint in (
        (r"\bselect\s+top\b", _LIMIT),
        (r"\bminus\s+(select|all)\b", "In PostgreSQL that is EXCEPT."),
        (r"\bwith\s*\(\s*nolock\b", "Leave it out: in PostgreSQL who reads waits for nobody who writes."),
        (
            r"\bqualify\b",
            "In PostgreSQL that is the WHERE of a query around it: SELECT … FROM (SELECT …) AS q WHERE ….",
        ),
        (r"\bshow\s+create\b", "In psql \\d and the table's name describes it, \\sv shows a view and \\sf a function."),
        (r"\bshow\s+full\s+tables\b", "In psql that is \\dt."),
        (r"\bshow\s+((full|extended)\s+)?(index|indexes|keys|columns|fields)\b", _DESCRIBE),
        (r"\binterval\s+[0-9]", "In PostgreSQL that is INTERVAL '1 day'."),
        (r"\*\s+(exclude|except|replace)\s*\(", "PostgreSQL has no * without some columns: name those that you want."),
        (r"[=(,]\s*\?|\?\s*$", _VALUES),
        (r"\bin\s*\(\s*\)", "A list in IN (…) has a value at least."),
        (r",\s*(from|where|group|order|limit|\))", "There is a comma too many."),
        (r"\binsert\s+into\s+\S+\s+set\b", "In PostgreSQL that is INSERT INTO … (columns) VALUES (…)."),
        (r"\bdelete\s+\w+\s+from\b", "In PostgreSQL that is DELETE FROM … USING … WHERE …."),
        (r"\bupdate\s[^;]*\sjoin\b", "In PostgreSQL that is UPDATE … SET … FROM the other WHERE …."),
    )
)
_AROUND: Final = (100, 40)
"""So many characters before that place and behind it."""

_LAST_WORD: Final = re.compile(r"([A-Za-z]+)\s*\Z")
_KEYWORDS: Final = (
    *("select", "insert", "update", "delete", "merge", "truncate", "values", "explain", "into", "from", "where"),
    *("group", "order", "having", "limit", "offset", "inner", "left", "right", "join", "using", "returning", "union"),
)

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
_OPERATORS: Final = {
    "==": "In PostgreSQL that is =.",
    "!": "In PostgreSQL that is NOT.",
    "<=>": "In PostgreSQL that is IS NOT DISTINCT FROM.",
    "&&": "In PostgreSQL that is AND.",
}
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


def syntax(message: str, text: str, at: int) -> str | None:
    """For a text that the parser refuses with this message, at that character."""
    if message.startswith("LIMIT #,#"):
        return _LIMIT
    if message.startswith("unterminated quoted string") or text[max(at - 1, 0) : at] == "'":
        return "A text ends with a single quote; one within it is written twice: 'it''s'."
    _, _, near = message.partition('at or near "')
    word = near.removesuffix('"').lower()
    if word in _WORDS:
        return _WORDS[word]
    if "`" in text:
        return _NAMES
    before, behind = _AROUND
    around = text[max(at - before, 0) : at + behind]
    for phrase, hint in _PHRASES:
        if phrase.search(around):
            return hint
    last = _LAST_WORD.search(text, max(at - before, 0), at)
    slip = word if last is None else last[1].lower()  # a name in its place is an alias, and what follows it is wrong
    meant = nearest(slip, _KEYWORDS) if slip.isalpha() and slip not in _KEYWORDS else ()
    return f"Did you mean {meant[0].upper()}?" if meant else None


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
