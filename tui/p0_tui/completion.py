"""What could come next in SQL that is being written: names from the catalog, and keywords. Pure; draws nothing.

Only the statement around the cursor counts. It need not parse: the scanner's tokens tell which tables it names and
under which aliases. Inside strings and comments nothing is offered.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from typing import Final, Literal, NamedTuple, cast

from p0_access.packed import Listing
from p0_access.permissions.catalog import Catalog, Relation
from p0_access.permissions.reading import DEFAULT_SEARCH_PATH, Refused
from p0_tui.names import identifier
from p0_tui.scanning import Token, scan

MAX_OFFERED: Final = 50

CandidateKind = Literal["schema", "table", "column", "function", "alias", "keyword"]

_WORD: Final = re.compile(r'((?:"(?:[^"]|"")*"|[\w$]+)\s*\.\s*)*("[^"]*|[\w$]*)\Z')
_PART: Final = re.compile(r'"(?:[^"]|"")*"|[\w$]+')
_TABLES_FOLLOW: Final = frozenset({"FROM", "JOIN", "UPDATE", "INTO", "TRUNCATE", "TABLE"})
_CLAUSES: Final = _TABLES_FOLLOW | {
    *("SELECT", "WHERE", "ON", "USING", "GROUP_P", "ORDER", "HAVING", "LIMIT", "SET", "VALUES", "RETURNING"),
    *("UNION", "INTERSECT", "EXCEPT", "WITH"),
}
_KEYWORDS: Final = (
    "and", "as", "asc", "between", "by", "case", "cast", "count", "cross join", "delete from", "desc", "distinct",
    "else", "end", "exists", "explain", "false", "filter", "from", "full join", "group by", "having", "ilike", "in",
    "inner join", "insert into", "interval", "is not null", "is null", "join", "lateral", "left join", "like",
    "limit", "not", "null", "offset", "on", "or", "order by", "over", "partition by", "returning", "right join",
    "select", "set", "then", "true", "union all", "update", "using", "values", "when", "where", "with",
)  # fmt: skip


class Candidate(NamedTuple):
    """`text` is SQL; `note` says more about it, such as a column's type. Both come from the catalog: untrusted."""

    text: str
    kind: CandidateKind
    note: str = ""


class Completion(NamedTuple):
    """Characters `start` to `end` of the text may be replaced by one of `candidates`, the likeliest first."""

    start: int
    end: int
    candidates: Sequence[Candidate]


class _Source(NamedTuple):
    alias: str
    relation: Relation


def complete(sql: str, at: int, catalog: Catalog, *, asked: bool = False) -> Completion | None:
    """What may stand at character `at`, or None. Unless `asked`, it takes two letters or a dot to offer anything."""
    before = sql[:at]
    match = _WORD.search(before)
    assert match is not None  # it matches the empty word, too
    word = match[2]
    qualifiers = [_unquoted(part) for part in _PART.findall(before[match.start() : match.start(2)])]
    if not asked and not qualifiers and len(word) < 2:
        return None
    scanned = scan(before)
    if scanned.unfinished and not word.startswith('"'):
        return None
    data = before.encode("utf-8", "surrogatepass")
    if (
        scanned.tokens
        and scanned.tokens[-1].name in {"SQL_COMMENT", "C_COMMENT"}
        and scanned.tokens[-1].end == len(data)
    ):
        return None
    here = _statement(scan(before[: match.start()]).tokens)
    sources = list(_sources(sql, at, catalog))
    prefix = word.lstrip('"').casefold()
    found = _qualified(catalog, sources, qualifiers, prefix) if qualifiers else _bare(catalog, sources, here, word)
    candidates = [
        each for each in islice(_distinct(found), MAX_OFFERED) if each.text.casefold() != word.casefold() or qualifiers
    ]
    if not candidates or (len(candidates) == 1 and candidates[0].text == word):
        return None
    return Completion(match.start(2), at, candidates)


def nearest_name(problem: Refused, catalog: Catalog) -> str | None:
    """The first name that the problem's hint offers for one that does not exist, as SQL, if the catalog has it."""
    found = re.match(r"Did you mean (.+?)(?: or .+)?\?\Z", problem.hint or "")
    if found is None:
        return None
    schema, dot, name = found[1].rpartition(".")
    if problem.code == "unknown_table" and dot and catalog.relation(schema, name) is not None:
        return f"{identifier(schema)}.{identifier(name)}"
    if problem.code == "unknown_column" and not dot:
        return identifier(name)
    return None


# --- what is offered


def _qualified(
    catalog: Catalog, sources: Sequence[_Source], qualifiers: Sequence[str], prefix: str
) -> Iterator[Candidate]:
    """After a dot: columns of an alias or a table, or what is in a schema."""
    last = qualifiers[-1]
    if len(qualifiers) == 2 and (relation := catalog.relation(qualifiers[0], last)) is not None:
        yield from _columns(relation, prefix)
        return
    for source in sources:
        if source.alias == last:
            yield from _columns(source.relation, prefix)
    if last in catalog.schemas:
        tables = _tables(catalog).get(last)
        for each in () if tables is None else _starting(last, tables, prefix):
            yield Candidate(identifier(each.name), "table", each.kind)
        listing = catalog.function_listings.get(last)
        for name in () if listing is None else dict.fromkeys(listing.names):
            for function in catalog.functions_named(last, name) if name.casefold().startswith(prefix) else ():
                yield Candidate(f"{identifier(function.name)}(", "function", f"({function.arguments})")


def _bare(catalog: Catalog, sources: Sequence[_Source], here: Sequence[Token], word: str) -> Iterator[Candidate]:
    prefix = word.lstrip('"').casefold()
    clause = next((token.name for token in reversed(here) if token.name in _CLAUSES), None)
    previous = here[-1].name if here else None
    if clause in _TABLES_FOLLOW and previous in {clause, "ASCII_44"}:
        for name in sorted(catalog.schemas):
            if name.casefold().startswith(prefix):
                yield Candidate(identifier(name), "schema")
        starting = (_starting(schema, listing, prefix) for schema, listing in _tables(catalog).items())
        for table in merge(*starting, key=lambda each: each.name.casefold()):
            yield Candidate(_table_name(table.schema, table.name), "table", table.kind)
        return
    for source in sources:
        for each in _columns(source.relation, prefix):
            shared = sum(any(c.name == _unquoted(each.text) for c in other.relation.columns) for other in sources) > 1
            yield each._replace(text=f"{identifier(source.alias)}.{each.text}") if shared else each
    for source in sources:
        if source.alias.casefold().startswith(prefix):
            yield Candidate(identifier(source.alias), "alias", f"{source.relation.schema}.{source.relation.name}")
    if word.startswith('"'):
        return
    for keyword in _KEYWORDS:
        if keyword.startswith(prefix) and prefix:
            yield Candidate(keyword.upper() if word.isupper() else keyword, "keyword")


def _columns(relation: Relation, prefix: str) -> Iterator[Candidate]:
    for column in relation.columns:
        if column.name.casefold().startswith(prefix):
            yield Candidate(identifier(column.name), "column", column.type)


def _table_name(schema: str, name: str) -> str:
    return identifier(name) if schema in DEFAULT_SEARCH_PATH else f"{identifier(schema)}.{identifier(name)}"


def _distinct(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    seen: set[str] = set()
    for each in candidates:
        if each.text not in seen:
            seen.add(each.text)
            yield each


# --- what the statement names


def _statement(tokens: Sequence[Token]) -> Sequence[Token]:
    """Those after the last semicolon."""
    start = next((index + 1 for index in range(len(tokens) - 1, -1, -1) if tokens[index].name == "ASCII_59"), 0)
    return tokens[start:]


def _sources(sql: str, at: int, catalog: Catalog) -> Iterator[_Source]:
    """The tables of the statement around `at`, before it and behind it, with the name that each goes by."""
    data = sql.encode("utf-8", "surrogatepass")
    place = len(sql[:at].encode("utf-8", "surrogatepass"))
    tokens = scan(sql).tokens
    ends = [token.end for token in tokens if token.name == "ASCII_59"]
    start = max((end for end in ends if end <= place), default=0)
    stop = min((end for end in ends if end > place), default=len(data))
    within = [token for token in tokens if start <= token.start < stop]
    texts = [data[token.start : token.end].decode("utf-8", "replace") for token in within]
    index = 0
    while index < len(within):
        if within[index].name not in _TABLES_FOLLOW:
            index += 1
            continue
        index += 1
        while True:
            index, source = _source(within, texts, index, catalog)
            if source is not None:
                yield source
            if index < len(within) and within[index].name == "ASCII_44":
                index += 1
            else:
                break


def _source(tokens: Sequence[Token], texts: Sequence[str], index: int, catalog: Catalog) -> tuple[int, _Source | None]:
    """A name at `index`, perhaps dotted, and its alias if it has one; and where it ends."""
    parts: list[str] = []
    while index < len(tokens) and _is_name(tokens[index]):
        parts.append(_unquoted(texts[index]))
        index += 1
        if index < len(tokens) and tokens[index].name == "ASCII_46":
            index += 1
        else:
            break
    if not parts:
        return index, None
    alias = parts[-1]
    if index < len(tokens) and tokens[index].name == "AS":
        index += 1
    if index < len(tokens) and _is_name(tokens[index]) and tokens[index].name != "SET":
        alias = _unquoted(texts[index])
        index += 1
    schemas = (parts[-2],) if len(parts) > 1 else DEFAULT_SEARCH_PATH
    relation = next((found for schema in schemas if (found := catalog.relation(schema, parts[-1])) is not None), None)
    return index, None if relation is None else _Source(alias, relation)


def _is_name(token: Token) -> bool:
    return token.name in {"IDENT", "UIDENT"} or token.keyword == "UNRESERVED_KEYWORD"


def _unquoted(part: str) -> str:
    return part[1:].removesuffix('"').replace('""', '"') if part.startswith('"') else part.lower()


# --- names by their start


class _Table(NamedTuple):
    schema: str
    name: str
    kind: str


_Tables = Mapping[str, Listing]
"""By schema, relations but sequences, sorted by name without regard to case."""


def warm(catalog: Catalog) -> None:
    """Sorts the names; for 100,000 of them that is better done off the loop."""
    _tables(catalog)


def _tables(catalog: Catalog) -> _Tables:
    key = ("p0_tui.completion",)
    known = catalog.memory.get(key)
    if known is None:
        known = catalog.memory[key] = {
            schema: _sorted(listing) for schema, listing in catalog.relation_listings.items()
        }
    return cast("_Tables", known)


def _sorted(listing: Listing) -> Listing:
    """Most are as they should be: then it takes no memory."""
    keys = [name.casefold() for name in listing.names]
    if keys == sorted(keys) and "sequence" not in listing.kinds:
        return listing
    return listing.only(at for at in sorted(range(len(keys)), key=keys.__getitem__) if listing.kinds[at] != "sequence")


def _starting(schema: str, listing: Listing, prefix: str) -> Iterator[_Table]:
    first = bisect_left(listing.names, prefix, key=str.casefold)
    for at in range(first, len(listing.names)):
        if not listing.names[at].casefold().startswith(prefix):
            return
        yield _Table(schema, listing.names[at], listing.kinds[at])
