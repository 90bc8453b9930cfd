"""What a rewritten query tree says will be checked: relations and columns by number, functions, operators and types.

Follows ExecCheckPermissions (execMain.c): since PostgreSQL 16 each query has its list of RTEPERMISSIONINFO, before that
the range table's entries hold the same. Everything is in it that parse analysis and rewriting know: views, row-level
security, rules, defaults. What only planning or running finds (bodies, triggers, checks, index expressions) is not.

Pure, and free of names: `names.py` asks the catalog for those. A node of an unknown kind is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NoReturn

import msgspec

from p0_access.permissions.wordlist import words
from p0_agent.reading.nodes import Datum, Node, TreeError, Value, parse

VERSIONS: Final = range(14, 19)
"""The major versions whose trees were looked at."""

FIRST_OWN_OID: Final = 16384
"""FirstNormalObjectId: what has a lower OID came with PostgreSQL."""

WHOLE_ROW: Final = 0
_FIRST_ATTRIBUTE: Final = 7
"""FirstLowInvalidHeapAttributeNumber, negated: bit 7 is the whole row, bits below it are system columns."""

Draw = tuple[str, int]
"""`nextval`, `currval` or `setval`, and the sequence's OID."""


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """A relation and what is required on it: `required` is a mask of ACL bits, the rest attribute numbers. `owners`
    says that it is checked against the owner of a view or rule, not against the caller."""

    relation: int
    required: int
    owners: bool
    selected: frozenset[int]
    inserted: frozenset[int]
    updated: frozenset[int]


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """What one statement needs and uses. `command` is that of the statement itself, None where rules replaced it.

    `blind_draws`: a sequence function whose sequence the tree does not tell.
    """

    command: str | None
    mentions: tuple[Mention, ...]
    relations: frozenset[int]
    functions: frozenset[int]
    operators: frozenset[int]
    types: frozenset[int]
    draws: frozenset[Draw]
    blind_draws: bool

    @property
    def empty(self) -> bool:
        """Whether nothing runs: a rule took the statement away."""
        return self.command is None and not self.relations

    def without(self, own: frozenset[int]) -> Tree:
        """The same without relations that are the session's own, and gone with it."""
        if not own & self.relations:
            return self
        return msgspec.structs.replace(
            self,
            mentions=tuple(each for each in self.mentions if each.relation not in own),
            relations=self.relations - own,
        )


def read(text: str, version: int) -> Tree:
    """The tree that a server of this major version printed for one statement; raises `TreeError`. Where a rule leaves
    nothing to run, there is no query in it."""
    if version not in VERSIONS:
        _refuse(f"the trees of PostgreSQL {version} are not known")
    found = parse(text, _WANTED)
    queries = found if isinstance(found, list) else []
    if (not queries and found is not None) or not all(
        isinstance(each, Node) and each.label == "QUERY" for each in queries
    ):
        _refuse("it is not a list of queries")
    walk = _Walk(version)
    for each in queries:
        walk.through(each)
    return Tree(
        command=_command([each for each in queries if isinstance(each, Node)], version),
        mentions=tuple(walk.mentions),
        relations=frozenset(walk.relations),
        functions=frozenset(walk.functions),
        operators=frozenset(walk.operators),
        types=frozenset(walk.types),
        draws=frozenset(walk.draws),
        blind_draws=walk.blind_draws,
    )


def _command(queries: list[Node], version: int) -> str | None:
    """The command of the query that is the statement itself and not a rule's (querySource QSRC_ORIGINAL)."""
    own = [each for each in queries if each.number("querySource") == 0]
    if len(own) > 1:
        _refuse("it holds several statements")
    if not own:
        return None
    commands = _COMMANDS if version > 14 else _COMMANDS_14
    number = own[0].number("commandType")
    if number not in commands:
        _refuse("the statement is of no known kind")
    return commands[number]


class _Walk:
    """Goes through all nodes with a stack of its own, so that no tree is too deep."""

    def __init__(self, version: int) -> None:
        self._version = version
        self.mentions: list[Mention] = []
        self.relations: set[int] = set()
        self.functions: set[int] = set()
        self.operators: set[int] = set()
        self.types: set[int] = set()
        self.draws: set[Draw] = set()
        self.blind_draws = False

    def through(self, root: Value) -> None:
        stack = [root]
        while stack:
            value = stack.pop()
            if isinstance(value, list):
                stack += [each for each in value if isinstance(each, (Node, list))]
            elif isinstance(value, Node):
                stack += [each for each in self._parts(value) if isinstance(each, (Node, list))]

    def _parts(self, node: Node) -> list[Value]:
        """Notes what the node says; what is in it that counts."""
        label = node.label
        if label in _USES:
            self._note(node, *_USES[label])
            if label == "FUNCEXPR":
                self._draw(node)
        elif label in ("RANGETBLENTRY", "RTE"):
            self._range_table_entry(node)
        elif label == "RTEPERMISSIONINFO":
            self._mention(node)
        elif label == "QUERY":
            return [*_used(node.nodes("cteList")), *(each for name, each in node.fields.items() if name != "cteList")]
        elif label not in _PLAIN:
            _refuse(f"it has a node {label[:40]}")
        return list(node.fields.values())

    def _note(self, node: Node, functions: str, operators: str, types: str) -> None:
        for field, into in ((functions, self.functions), (operators, self.operators), (types, self.types)):
            if field in node.fields:
                value = node.fields[field]
                into.update(node.numbers(field) if not isinstance(value, str) else (node.number(field),))
            elif field:
                _refuse(f"{node.label} has no {field}")

    def _range_table_entry(self, node: Node) -> None:
        if isinstance(node.fields.get("relid"), str):
            self.relations.add(node.number("relid"))
        if self._version < 16 and node.number("requiredPerms"):
            self._mention(node)

    def _mention(self, node: Node) -> None:
        relation = node.number("relid")
        required = node.number("requiredPerms")
        if not required:
            return
        self.relations.add(relation)
        self.mentions.append(
            Mention(
                relation=relation,
                required=required,
                owners=node.number("checkAsUser") != 0,
                selected=_attributes(node, "selectedCols"),
                inserted=_attributes(node, "insertedCols"),
                updated=_attributes(node, "updatedCols"),
            )
        )

    def _draw(self, node: Node) -> None:
        use = _SEQUENCE_FUNCTIONS.get(node.number("funcid"))
        if use is None:
            return
        arguments = node.nodes("args")
        value = arguments[0].fields.get("constvalue") if arguments and arguments[0].label == "CONST" else None
        if isinstance(value, Datum) and len(value) >= _OID_BYTES:
            self.draws.add((use, int.from_bytes(value[:_OID_BYTES], "little")))
        else:
            self.blind_draws = True


def _used(queries: list[Node]) -> list[Node]:
    """Those of the queries in one WITH that are planned: the ones that modify data, and the ones that are referred to.
    A reference from a query that is not planned doesn't count, if it is the only one: then the query moved there."""
    used: list[Node] = []
    moved: dict[str, int] = {}
    for each in reversed(queries):
        query = each.fields.get("ctequery")
        references = each.number("cterefcount")
        gone = references < 2 and references == moved.get(str(each.fields.get("ctename")), 0)
        kept = references > 0 and each.number("ctematerialized") == _MATERIALIZED
        if isinstance(query, Node) and query.number("commandType") == _SELECT and gone and not kept:
            for name in _references(query):
                moved[name] = moved.get(name, 0) + 1
        else:
            used.append(each)
    return used


def _references(query: Node) -> Iterator[str]:
    """The names by which a query in WITH refers to its neighbours in the same WITH."""
    stack: list[tuple[Value, int]] = [(query, 0)]
    while stack:
        value, above = stack.pop()
        if isinstance(value, list):
            stack += [(each, above) for each in value]
        elif isinstance(value, Node):
            if value.fields.get("rtekind") == _FROM_WITH and value.number("ctelevelsup") == above:
                name = value.fields.get("ctename")
                yield name if isinstance(name, str) else ""
            within = above + 1 if value.label == "QUERY" else above
            stack += [(each, within) for each in value.fields.values()]


def _attributes(node: Node, field: str) -> frozenset[int]:
    return frozenset(bit - _FIRST_ATTRIBUTE for bit in node.numbers(field))


def _refuse(what: str) -> NoReturn:
    raise TreeError(
        f"PostgreSQL's reading is not understood: {what}",
        code="tree_not_understood",
        hint="Ask for permissions by name (--grant), or report this as a defect.",
    )


_SELECT: Final = 1
_FROM_WITH: Final = "6"
"""RTE_CTE."""
_MATERIALIZED: Final = 1
"""CTEMaterializeAlways."""
_COMMANDS: Final = {1: "SELECT", 2: "UPDATE", 3: "INSERT", 4: "DELETE", 5: "MERGE", 6: "UTILITY"}
_COMMANDS_14: Final = {1: "SELECT", 2: "UPDATE", 3: "INSERT", 4: "DELETE", 5: "UTILITY"}

_OID_BYTES: Final = 4
_SEQUENCE_FUNCTIONS: Final = {1574: "nextval", 1575: "currval", 1576: "setval", 1765: "setval"}
"""By the OIDs that pg_proc.dat gives them for good."""

# Which fields of a node hold the OIDs of functions, operators and types. Types matter where a value of them is made:
# a domain's checks run then.
_USES: Final[dict[str, tuple[str, str, str]]] = {
    "AGGREF": ("aggfnoid", "", ""),
    "ARRAYCOERCEEXPR": ("", "", "resulttype"),
    "COERCETODOMAIN": ("", "", "resulttype"),
    "COERCEVIAIO": ("", "", "resulttype"),
    "CONST": ("", "", "consttype"),
    "CONVERTROWTYPEEXPR": ("", "", "resulttype"),
    "DISTINCTEXPR": ("", "opno", ""),
    "FUNCEXPR": ("funcid", "", "funcresulttype"),
    "JSONRETURNING": ("", "", "typid"),
    "NULLIFEXPR": ("", "opno", ""),
    "OPEXPR": ("", "opno", ""),
    "PARAM": ("", "", "paramtype"),
    "RANGETBLFUNCTION": ("", "", "funccoltypes"),
    "ROW": ("", "", "row_typeid"),
    "ROWCOMPARE": ("", "opnos", ""),
    "ROWCOMPAREEXPR": ("", "opnos", ""),
    "ROWEXPR": ("", "", "row_typeid"),
    "SCALARARRAYOPEXPR": ("", "opno", ""),
    "TABLEFUNC": ("", "", "coltypes"),
    "TABLESAMPLECLAUSE": ("tsmhandler", "", ""),
    "WINDOWFUNC": ("winfnoid", "", ""),
}

_WANTED: Final = frozenset(name for names in _USES.values() for name in names if name) | words(
    """
    args checkAsUser commandType constvalue cteList ctelevelsup ctematerialized ctename ctequery cterefcount
    insertedCols querySource relid requiredPerms rtekind selectedCols updatedCols
    """
)
"""The fields that are looked at here."""

# Nodes that need nothing themselves. Before PostgreSQL 16 some had other labels.
_PLAIN: Final = words(
    """
    ALIAS ARRAY ARRAYEXPR BOOLEANTEST BOOLEXPR CASE CASEEXPR CASETESTEXPR CASEWHEN COALESCE COALESCEEXPR
    COERCETODOMAINVALUE COLLATE COLLATEEXPR COMMONTABLEEXPR CTECYCLECLAUSE CTESEARCHCLAUSE CURRENTOFEXPR FIELDSELECT
    FIELDSTORE FROMEXPR GROUPINGFUNC GROUPINGSET INFERENCEELEM JOINEXPR JSONBEHAVIOR JSONCONSTRUCTOREXPR JSONEXPR
    JSONFORMAT JSONISPREDICATE JSONTABLEPATH JSONTABLEPATHSCAN JSONTABLESIBLINGJOIN JSONVALUEEXPR MERGEACTION
    MERGESUPPORTFUNC MINMAX MINMAXEXPR NAMEDARGEXPR NEXTVALUEEXPR NOTIFY NOTIFYSTMT NULLTEST ONCONFLICTEXPR
    RANGETBLREF RELABELTYPE RETURNINGEXPR ROWMARKCLAUSE SETOPERATIONSTMT SETTODEFAULT SORTGROUPCLAUSE SQLVALUEFUNCTION
    SUBLINK SUBSCRIPTINGREF TARGETENTRY VAR WHEN WINDOWCLAUSE WINDOWFUNCRUNCONDITION WITHCHECKOPTION XMLEXPR
    """
)
