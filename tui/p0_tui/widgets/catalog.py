"""The catalog: databases, schemas, tables, views and functions, columns. Opens lazily, filters as you type, inserts on
Enter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from p0_access.messages.views import DatabaseView
from p0_access.permissions.catalog import Catalog, Function, Relation
from p0_access.permissions.permission import relation
from p0_access.permissions.settle import Tags, comment_tags
from p0_tui.catalog_rows import CatalogRows, Row
from p0_tui.paint import MUTED
from p0_tui.safe import EMPTY, joined, safe
from p0_tui.widgets.line_view import LineView


class CatalogTree(LineView):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "open", "Open", show=False),
        Binding("left,h", "close", "Close", show=False),
        Binding("space", "open_or_close", "Open or close", show=False),
    ]

    class NameChosen(Message):
        """A name to be put into the SQL, in `parts` (schema and table or function, or a column), unquoted; `call` if
        it is a function's."""

        def __init__(self, parts: tuple[str, ...], *, call: bool = False) -> None:
            super().__init__()
            self.parts = parts
            self.call = call

    class DatabaseChosen(Message):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Counted(Message):
        """`matched` of `total` relations and functions are shown."""

        def __init__(self, matched: int, total: int) -> None:
            super().__init__()
            self.matched = matched
            self.total = total

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._rows = CatalogRows()
        self._databases: dict[str, DatabaseView] = {}
        self._catalog: Catalog | None = None
        self._tags: dict[tuple[str, str], Tags] = {}

    def show_databases(self, databases: Sequence[DatabaseView]) -> None:
        self._databases = {item.name: item for item in databases}
        self._rows.show_databases(list(self._databases))
        self.lines_changed()

    def show_catalog(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._tags = {}
        self._rows.show_catalog(catalog)
        self._recount()

    def filter(self, text: str) -> None:
        self._rows.filter(text)
        self.cursor = 0
        self._recount()

    def line_count(self) -> int:
        return len(self._rows.rows)

    def placeholder(self) -> Content:
        return safe("no database yet", MUTED)

    def line(self, index: int, width: int) -> Content:
        row = self._rows.rows[index]
        match row.kind:
            case "database":
                return self._database_line(row)
            case "schema":
                return joined((safe(f" {self._arrow(row)} "), safe(row.schema, "bold")))
            case "relation":
                return self._relation_line(row, width)
            case "column":
                return self._column_line(row, width)
            case "function":
                return _function_line(self._rows.function(row), width)

    def note(self) -> Content:
        """What is known of the line under the cursor: its whole name, type, tags and comment."""
        row = self._row()
        if row is None:
            return EMPTY
        if row.kind == "function":
            item = self._rows.function(row)
            rights = "  runs with its owner's rights" if item.security_definer else ""
            head, comment = f"{item.kind} {item.name}({item.arguments}) → {item.returns}{rights}", item.comment
            tags: Sequence[str] = ()
        elif row.kind == "column" and row.column is not None:
            head = f"{row.column.name} {row.column.type}{'' if row.column.nullable else ' not null'}"
            comment = row.column.comment
            of = self._rows.relation(row)
            tags = sorted(self._tags_of(of).get((of.schema, of.name, row.column.name), ()))
        elif row.kind == "relation":
            of = self._rows.relation(row)
            head, comment, tags = f"{of.kind} {of.name}", of.comment, ()
        else:
            return EMPTY
        parts = [safe(head), *(safe(f"▲{tag}", "bold $text-warning") for tag in tags)]
        if comment:
            parts.append(safe(comment, f"italic {MUTED}"))
        return joined(parts, "  ")

    def action_open(self) -> None:
        row = self._row()
        if row is None:
            return
        if row.kind == "database" and not self._is_current(row):
            self.post_message(self.DatabaseChosen(row.database))
        elif self._rows.is_open(row) or row.kind in {"column", "function"}:
            self.action_move(1)
        else:
            self._set_open(row, opened=True)

    def action_close(self) -> None:
        row = self._row()
        if row is None:
            return
        if row.kind not in {"column", "function"} and self._rows.is_open(row):
            self._set_open(row, opened=False)
        else:
            self.cursor = self._rows.parent(self.cursor)

    def action_open_or_close(self) -> None:
        row = self._row()
        if row is not None:
            self._set_open(row, opened=not self._rows.is_open(row))

    def action_choose(self) -> None:
        row = self._row()
        if row is None:
            return
        match row.kind:
            case "database" if not self._is_current(row):
                self.post_message(self.DatabaseChosen(row.database))
            case "column" if row.column is not None:
                self.post_message(self.NameChosen((row.column.name,)))
            case "function" | "relation" if row.schema is not None and row.name is not None:
                self.post_message(self.NameChosen((row.schema, row.name), call=row.kind == "function"))
            case _:
                self.action_open_or_close()

    def on_click(self, event: events.Click) -> None:
        """A click opens and closes; it inserts nothing."""
        index = self.line_at(int(event.get_content_offset_capture(self).y))
        event.prevent_default()
        if index < self.line_count():
            self.cursor = index
            row = self._rows.rows[index]
            if row.kind == "database" and not self._is_current(row):
                self.post_message(self.DatabaseChosen(row.database))
            else:
                self.action_open_or_close()

    def _row(self) -> Row | None:
        return self._rows.rows[self.cursor] if self.cursor < self.line_count() else None

    def _set_open(self, row: Row, *, opened: bool) -> None:
        self._rows.set_open(row, opened=opened)
        self.lines_changed()

    def _recount(self) -> None:
        self.lines_changed()
        self.post_message(self.Counted(self._rows.matched, self._rows.total))

    def _is_current(self, row: Row) -> bool:
        return self._catalog is not None and self._catalog.database == row.database

    def _arrow(self, row: Row) -> str:
        return "▾" if self._rows.is_open(row) else "▸"

    def _database_line(self, row: Row) -> Content:
        view = self._databases.get(row.database)
        away = view is not None and not view.online
        parts = [safe(f"{self._arrow(row)} "), safe(row.database, "bold $text-primary")]
        if away:
            parts.append(safe("  agent away", "$text-error"))
        return joined(parts)

    def _relation_line(self, row: Row, width: int) -> Content:
        item = self._rows.relation(row)
        kind = "" if item.kind == "table" else item.kind
        tags = sorted(frozenset().union(*self._tags_of(item).values()))
        head = joined((safe(f"  {self._arrow(row)} "), safe(item.name)))
        return _with_note(head, kind, tags, item.comment if width > 60 else None, width)

    def _column_line(self, row: Row, width: int) -> Content:
        item, column = self._rows.relation(row), row.column
        assert column is not None
        tags = sorted(self._tags_of(item).get((item.schema, item.name, column.name), ()))
        head = joined((safe("    · ", MUTED), safe(column.name)))
        return _with_note(head, column.type, tags, column.comment if width > 60 else None, width)

    def _tags_of(self, item: Relation) -> Tags:
        key = (item.schema, item.name)
        if key not in self._tags:
            assert self._catalog is not None
            self._tags[key] = comment_tags(self._catalog, [relation(item.schema, item.name, "SELECT")])
        return self._tags[key]


def _function_line(item: Function, width: int) -> Content:
    head = joined((safe("  ƒ ", MUTED), safe(f"{item.name}({item.arguments})")))
    return _with_note(head, "" if width < 40 else item.returns, (), None, width)


def _with_note(head: Content, kind: str, tags: Sequence[str], comment: str | None, width: int) -> Content:
    """The name left, type and tags right, a comment between when there is room."""
    right = joined(
        (safe(f" {kind}" if kind else "", MUTED), safe(f" ▲{' '.join(tags)}" if tags else "", "bold $text-warning"))
    )
    room = max(8, width - right.cell_length)
    if comment and head.cell_length + 8 < room:
        head = joined((head, safe("  "), safe(comment, f"italic {MUTED}")))
    return joined((head.truncate(room, ellipsis=True, pad=True), right))
