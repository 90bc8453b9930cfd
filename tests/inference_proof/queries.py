"""Generated statements over a generated world: right in their types, and as tangled as people write them."""

from __future__ import annotations

from typing import Final

import msgspec
from hypothesis import strategies as st

from inference_proof.worlds import Table, World, quoted

MAX_DEPTH: Final = 2


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a FROM item offers under an alias. `table` is None for a sub-query."""

    alias: str
    columns: tuple[tuple[str, bool], ...]
    table: Table | None = None


@st.composite
def statements(draw: st.DrawFn, world: World) -> str:
    return _Writer(draw, world).statement()


class _Writer:
    def __init__(self, draw: st.DrawFn, world: World) -> None:
        self._draw = draw
        self._world = world
        self._aliases = 0

    def statement(self) -> str:
        writes = [each for each in self._world.tables if each.writable]
        kind = self._draw(st.sampled_from(("select",) * 5 + ("insert", "insert", "update", "update", "delete")))
        if kind == "select":
            return self._query()
        table = self._draw(st.sampled_from(writes))
        return {"insert": self._insert, "update": self._update, "delete": self._delete}[kind](table)

    # Queries

    def _query(self) -> str:
        form = self._draw(st.sampled_from(("plain",) * 4 + ("cte", "unused", "union", "grouped", "count")))
        if form == "union":
            operator = self._draw(st.sampled_from(("UNION", "UNION ALL", "EXCEPT", "INTERSECT")))
            return f"{self._select(1, integer=True)} {operator} {self._select(1, integer=True)}"
        if form in ("cte", "unused"):
            table = self._draw(st.sampled_from(self._world.tables))
            used = "w" if form == "cte" else table.sql
            return f"WITH w AS ({self._select(1, integer=True)}) SELECT * FROM {used}"
        if form in ("grouped", "count"):
            clause, sources = self._from(0, ())
            if form == "count":
                return f"SELECT count(*) FROM {clause}"
            value = self._value(sources, integer=True)
            counted = self._draw(st.sampled_from(("*", sources[0].alias, self._value(sources, integer=False))))
            return f"SELECT {value}, count({counted}) FROM {clause} GROUP BY {value} HAVING min({value}) < 9"
        tail = self._draw(st.sampled_from(("", "", "", " LIMIT 1", " FOR UPDATE", " ORDER BY 1")))
        return self._select(0) + tail

    def _select(self, depth: int, outer: tuple[_Source, ...] = (), *, integer: bool | None = None) -> str:
        """With `integer` given, one column of that type."""
        clause, sources = self._from(depth, outer)
        scope = (*sources, *outer)
        if integer is not None:
            items = [self._value(scope, integer=integer)]
        else:
            items = [self._item(sources, scope, depth) for _ in range(self._draw(st.integers(1, 3)))]
        where = f" WHERE {self._condition(scope, depth)}" if self._chance(2) else ""
        return f"SELECT {', '.join(items)} FROM {clause}{where}"

    def _item(self, sources: tuple[_Source, ...], scope: tuple[_Source, ...], depth: int) -> str:
        source = self._draw(st.sampled_from(sources))
        kind = self._draw(st.sampled_from(("value",) * 4 + ("star", "row", "json", "scalar", "whole", "window")))
        if kind == "star":
            return f"{source.alias}.*"
        if kind == "whole":
            return "*"
        if kind == "row":
            return source.alias
        if kind == "json":
            return f"to_jsonb({source.alias})"
        if kind == "window":
            return f"row_number() OVER (ORDER BY {self._value(scope, integer=True)})"
        if kind == "scalar" and depth < MAX_DEPTH:
            return f"({self._select(depth + 1, scope, integer=True)} LIMIT 1)"
        return self._value(scope, integer=self._draw(st.booleans()))

    def _from(self, depth: int, outer: tuple[_Source, ...]) -> tuple[str, tuple[_Source, ...]]:
        clause, first = self._source(depth, outer)
        sources = [first]
        join = self._draw(st.sampled_from((",", " CROSS JOIN", " LEFT JOIN", " JOIN")))
        for _ in range(self._draw(st.integers(0, MAX_DEPTH - depth))):
            more, source = self._source(depth, outer)
            sources.append(source)
            on = f" ON {self._comparison(tuple(sources))}" if join in (" LEFT JOIN", " JOIN") else ""
            clause = f"{clause}{join} {more}{on}"
        return clause, tuple(sources)

    def _source(self, depth: int, outer: tuple[_Source, ...]) -> tuple[str, _Source]:
        self._aliases += 1
        alias = f"a{self._aliases}"
        if depth < MAX_DEPTH and self._chance(5):
            lateral = self._draw(st.sampled_from(("", "LATERAL ")))
            inner = self._select(depth + 1, outer, integer=True)
            return f"{lateral}({inner}) {alias} (x)", _Source(alias=alias, columns=(("x", True),))
        table = self._draw(st.sampled_from(self._world.tables))
        return f"{table.sql} {alias}", _Source(alias=alias, columns=table.columns, table=table)

    # Expressions

    def _value(self, scope: tuple[_Source, ...], *, integer: bool) -> str:
        found = [(each.alias, name) for each in scope for name, is_int in each.columns if is_int == integer]
        if not found:
            return "1" if integer else "'x'"
        alias, name = self._draw(st.sampled_from(found))
        column = f"{alias}.{quoted(name)}"
        if not integer:
            return self._draw(st.sampled_from((column, f"upper({column})", f"coalesce({column}, '')")))
        forms = [column, column, f"({column} + 1)", f"CASE WHEN {column} > 0 THEN {column} END"]
        forms += [f"{function}({column})" for function in self._world.functions]
        return self._draw(st.sampled_from(forms))

    def _comparison(self, scope: tuple[_Source, ...]) -> str:
        integer = self._draw(st.booleans())
        return f"{self._value(scope, integer=integer)} = {self._value(scope, integer=integer)}"

    def _condition(self, scope: tuple[_Source, ...], depth: int) -> str:
        if depth < MAX_DEPTH and self._chance(3):
            operator = self._draw(st.sampled_from(("EXISTS", "NOT EXISTS", "1 IN", "1 > ALL")))
            return f"{operator} ({self._select(depth + 1, scope, integer=True)})"
        return self._comparison(scope)

    # Writing

    def _insert(self, table: Table) -> str:
        chosen = [each for each in table.columns if self._chance(2)] or list(table.columns[:1])
        names = ", ".join(quoted(name) for name, _ in chosen)
        if self._chance(3):
            values = " DEFAULT VALUES" if not table.keyed else ""
            rows = values or f" ({names}) VALUES ({self._literals(chosen)})"
        elif self._chance(2):
            clause, sources = self._from(1, ())
            items = ", ".join(self._value(sources, integer=is_int) for _, is_int in chosen)
            rows = f" ({names}) SELECT {items} FROM {clause}"
        else:
            rows = f" ({names}) VALUES ({self._literals(chosen)})"
        conflict = ""
        if table.keyed:
            key = quoted(table.columns[0][0])
            text = quoted(table.columns[1][0])
            conflict = self._draw(
                st.sampled_from(
                    (
                        " ON CONFLICT DO NOTHING",
                        f" ON CONFLICT ({key}) DO NOTHING",
                        f" ON CONFLICT ({key}) DO UPDATE SET {text} = EXCLUDED.{text}",
                    )
                )
            )
        return f"INSERT INTO {table.sql}{rows}{conflict}{self._returning(table)}"

    def _literals(self, columns: list[tuple[str, bool]]) -> str:
        return ", ".join("7" if is_int else "'x'" for _, is_int in columns)

    def _update(self, table: Table) -> str:
        target = _Source(alias="t", columns=table.columns, table=table)
        using, sources = self._from(1, ()) if self._chance(3) else ("", ())
        scope = (target, *sources)
        name, is_int = self._draw(st.sampled_from(table.columns[1:]))
        where = f" WHERE {self._condition(scope, 1)}" if self._chance(2) else ""
        source = f" FROM {using}" if using else ""
        return (
            f"UPDATE {table.sql} t SET {quoted(name)} = {self._value(scope, integer=is_int)}{source}{where}"
            f"{self._returning(table, 't.')}"
        )

    def _delete(self, table: Table) -> str:
        target = _Source(alias="t", columns=table.columns, table=table)
        using, sources = self._from(1, ()) if self._chance(3) else ("", ())
        where = f" WHERE {self._condition((target, *sources), 1)}" if self._chance(2) else ""
        return f"DELETE FROM {table.sql} t{f' USING {using}' if using else ''}{where}{self._returning(table, 't.')}"

    def _returning(self, table: Table, alias: str = "") -> str:
        if not self._chance(3):
            return ""
        name, _ = self._draw(st.sampled_from(table.columns))
        return f" RETURNING {alias}{quoted(name)}"

    def _chance(self, one_in: int) -> bool:
        return self._draw(st.integers(1, one_in)) == one_in
