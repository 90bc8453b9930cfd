"""WITH: its queries, who uses them, and what that costs (parse_cte.c; SS_process_ctes for what is never run)."""

from __future__ import annotations

from p0_access.permissions.infer import dml, select
from p0_access.permissions.infer.context import Context, RefusedError
from p0_access.permissions.infer.scope import Columns, Cte, Level, RenamedColumns
from p0_access.permissions.infer.tree import opened, strings
from p0_access.permissions.parse import Node


def read_with(context: Context, level: Level, node: Node) -> None:
    """The queries of a WITH clause become known to `level`: of a recursive one all at once, else one after another."""
    found = [Cte(each["CommonTableExpr"]["ctename"], each["CommonTableExpr"]) for each in node["ctes"]]
    if node.get("recursive"):
        level.ctes = {cte.name: cte for cte in found}
    for cte in found:
        _read(context, level, cte)
        level.ctes[cte.name] = cte


def use(context: Context, level: Level, cte: Cte, place: int) -> Columns:
    """A mention of a WITH query in FROM."""
    if cte is not level.inside:
        cte.users.append(_sibling(level.inside, cte))
    if not cte.started:
        home = level
        while cte.name not in home.ctes or home.ctes[cte.name] is not cte:
            if home.parent is None:
                raise RefusedError("unsupported_statement", f"{cte.name} is used where it cannot be seen", place)
            home = home.parent
        _read(context, home, cte)
    if cte.columns is None:
        raise RefusedError("unsupported_statement", f'"{cte.name}" refers to itself before its first arm', place)
    return cte.columns


def _read(context: Context, level: Level, cte: Cte) -> None:
    if cte.started:
        return
    cte.started = True
    kind, query = opened(cte.node["ctequery"])
    outer, level.inside = level.inside, cte
    with context.charging(cte.charges):
        if kind == "SelectStmt":
            _, columns = select.read_select(
                context, level, query, first_arm=lambda columns: _name_columns(cte, columns)
            )
            cte.kept = "lockingClause" in query or cte.node.get("ctematerialized") == "CTEMaterializeAlways"
        else:
            columns = dml.read_modifying(context, level, kind, query)
            cte.modifies = True
    level.inside = outer
    _name_columns(cte, columns)


def _name_columns(cte: Cte, columns: Columns) -> None:
    given = cte.node.get("aliascolnames")
    named = RenamedColumns(columns, strings(given)) if given else columns
    entries = list(named.entries())
    if search := cte.node.get("search_clause"):
        entries.append((search["search_seq_column"], None))
    if cycle := cte.node.get("cycle_clause"):
        entries += [(cycle["cycle_mark_column"], None), (cycle["cycle_path_column"], None)]
    cte.columns = Columns(entries, open_=named.open)


def _sibling(inside: Cte | None, cte: Cte) -> Cte | None:
    return inside if inside is not cte else None


def settle(context: Context, level: Level) -> None:
    """Charge what is used. A WITH query that only reads and that nothing run mentions is never planned."""
    found = list(level.ctes.values())
    used_by: dict[str, list[Cte]] = {}
    for cte in found:
        for user in cte.users:
            if user is not None:
                used_by.setdefault(user.name, []).append(cte)
    live = {cte.name for cte in found if _runs_anyway(cte, level)}
    reached = list(live)
    while reached:
        for cte in used_by.get(reached.pop(), ()):
            if cte.name not in live:
                live.add(cte.name)
                reached.append(cte.name)
    for cte in found:
        if cte.name in live:
            context.charges.absorb(cte.charges)


def _runs_anyway(cte: Cte, level: Level) -> bool:
    """Whichever of its siblings run."""
    if cte.modifies or (cte.users and (cte.kept or len(cte.users) > 1)):
        return True
    return any(user is None or level.ctes.get(user.name) is not user for user in cte.users)
