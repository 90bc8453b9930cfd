"""Two readings into one: PostgreSQL's counts, and the kernel adds only what can come from what no tree shows."""

from __future__ import annotations

from p0_access.permissions.catalog import Catalog, Operator
from p0_access.permissions.permission import Kind, Permission, any_column, column, connect, usage
from p0_access.permissions.reading import Need, Refused, StatementReading
from p0_agent.reading.merging import Shown, merge, stand_in
from p0_agent.reading.names import NamedColumn, NamedFunction, NamedRelation, Names
from p0_agent.reading.objects import Beneath, Definition
from p0_agent.reading.piece import Piece
from p0_agent.reading.tree import Mention, Tree

PIECE = Piece(analysed="select …", command="SELECT")
CATALOG = Catalog(database="d", version="1", server_version=18, schemas=("s",), relations=())
NAME = column("s", "people", "name", "SELECT")
PAY = column("s", "people", "pay", "SELECT")
IMPLIED = (connect("d"), usage("s"))


def relation(oid: int, name: str, *columns: str, schema: str = "s", kind: str = "r") -> NamedRelation:
    return NamedRelation(
        oid=oid,
        schema=schema,
        name=name,
        kind=kind,
        system=schema == "pg_catalog",
        row_security=False,
        columns=tuple(
            NamedColumn(number=number, name=each, public=schema == "pg_catalog" and each != "hash")
            for number, each in enumerate(columns, 1)
        ),
    )


def function(oid: int, name: str, *, public: bool = True, schema: str = "s", language: str = "sql") -> NamedFunction:
    return NamedFunction(
        oid=oid,
        schema=schema,
        name=name,
        types="integer",
        language=language,
        public=public,
        system=schema == "pg_catalog",
        security_definer=False,
    )


def shown(
    *selected: int,
    oid: int = 1,
    required: int = 2,
    functions: tuple[NamedFunction, ...] = (),
    beneath: Beneath | None = None,
    draws: frozenset[tuple[str, int]] = frozenset(),
    owners: bool = False,
) -> Shown:
    mention = Mention(
        relation=oid,
        required=required,
        owners=owners,
        selected=frozenset(selected),
        inserted=frozenset(),
        updated=frozenset(),
    )
    tree = Tree(
        command="SELECT",
        mentions=(mention,),
        relations=frozenset({oid}),
        functions=frozenset(each.oid for each in functions),
        operators=frozenset(),
        types=frozenset(),
        draws=draws,
        blind_draws=False,
    )
    relations = (
        relation(1, "people", "id", "name", "pay"),
        relation(2, "numbers", kind="S"),
        relation(3, "pg_authid", "name", "hash", schema="pg_catalog"),
    )
    names = Names(
        relations={each.oid: each for each in relations},
        functions={each.oid: each for each in functions},
        operators={},
        types={},
    )
    return Shown(tree=tree, names=names, beneath=beneath or Beneath())


def kernels(*permissions: Permission, reached: tuple[Permission, ...] = ()) -> StatementReading:
    return StatementReading(
        index=0,
        text="select …",
        command="SELECT",
        writes=False,
        needs=tuple(Need(permission=each, why=()) for each in (*IMPLIED, *permissions)),
        reached=reached,
    )


def refused(code: str) -> Refused:
    return Refused(index=0, text="", code=code, message="", hint=None, line=1, column=1)


def body(text: str, name: str = "s.f(integer)", language: str = "plpgsql") -> Beneath:
    definition = Definition(
        kind="function", oid=20000, relation=None, name=name, definition=text, language=language, for_reader=False
    )
    return Beneath(definitions=(definition,))


def test_what_both_say_is_it() -> None:
    found = merge(kernels(NAME), PIECE, shown(2))
    assert set(found.permissions) == {*IMPLIED, NAME}
    assert not found.differs


def test_what_only_postgresql_says_is_added_and_told() -> None:
    found = merge(kernels(NAME), PIECE, shown(2, 3))
    assert set(found.permissions) == {*IMPLIED, NAME, PAY}
    assert found.lacking == (PAY,)


def test_what_only_the_kernel_says_is_left_out_and_told() -> None:
    found = merge(kernels(NAME, PAY), PIECE, shown(2))
    assert set(found.permissions) == {*IMPLIED, NAME}
    assert found.surplus == (PAY,)


def test_what_a_body_names_the_kernel_may_add_and_nothing_else() -> None:
    seen = shown(2, beneath=body("BEGIN PERFORM owner FROM s.Orders; END"))
    orders, others = column("s", "orders", "owner", "SELECT"), column("s", "other", "x", "SELECT")
    found = merge(kernels(NAME, orders, others), PIECE, seen)
    assert set(found.permissions) == {*IMPLIED, NAME, orders}
    assert found.surplus == (others,)


def test_a_body_names_the_function_behind_an_operator_by_the_operator() -> None:
    execute = Permission(Kind.FUNCTION, "s", "same(integer, integer)", None, "EXECUTE")
    operator = Operator(schema="s", name="===", left="integer", right="integer", function=("s", "same"))
    seen = shown(2, beneath=body("SELECT 1 === 2"))
    assert execute in merge(kernels(NAME, execute), PIECE, seen, (operator,)).permissions
    assert merge(kernels(NAME, execute), PIECE, seen).surplus == (execute,)
    elsewhere = shown(2, beneath=body("SELECT 1 = 2"))
    assert merge(kernels(NAME, execute), PIECE, elsewhere, (operator,)).surplus == (execute,)


def test_a_view_that_the_tree_shows_is_no_source_of_additions() -> None:
    view = Definition(
        kind="view",
        oid=20001,
        relation=1,
        name="s.v",
        definition="SELECT 1 FROM s.orders",
        language=None,
        for_reader=False,
    )
    orders = column("s", "orders", "owner", "SELECT")
    found = merge(kernels(NAME, orders), PIECE, shown(2, beneath=Beneath(definitions=(view,), shown=frozenset({1}))))
    assert found.surplus == (orders,)
    elsewhere = merge(
        kernels(NAME, orders), PIECE, shown(2, beneath=Beneath(definitions=(view,), shown=frozenset({9})))
    )
    assert orders in elsewhere.permissions


def test_any_column_is_whatever_column_there_is() -> None:
    some = any_column("s", "people", "SELECT")
    assert not merge(kernels(some), PIECE, shown()).differs
    assert not merge(kernels(NAME), PIECE, shown(2)).differs
    assert merge(kernels(some), PIECE, shown(2)).lacking == (NAME,)
    counted = merge(kernels(NAME), PIECE, shown())
    assert set(counted.permissions) == {*IMPLIED, some}
    assert counted.surplus == (NAME,)


def test_the_whole_row_is_every_column_and_system_columns_have_names() -> None:
    found = merge(kernels(), PIECE, shown(0, -1))
    assert {each.column for each in found.lacking} == {"id", "name", "pay", "ctid"}


def test_what_owners_are_charged_is_reached_and_not_needed() -> None:
    found = merge(kernels(reached=(PAY,)), PIECE, shown(2, owners=True))
    assert set(found.permissions) == set(IMPLIED)
    assert set(found.reached) == {NAME, PAY}
    assert not found.differs


def test_catalogs_that_public_may_read_need_nothing_and_the_rest_is_named() -> None:
    assert not merge(kernels(), PIECE, shown(1, -6, oid=3)).differs
    assert not merge(kernels(), PIECE, shown(oid=3)).differs
    hash_ = column("pg_catalog", "pg_authid", "hash", "SELECT")
    assert merge(kernels(), PIECE, shown(1, 2, oid=3)).lacking == (hash_,)


def test_a_function_that_public_may_not_call_is_needed() -> None:
    call = Permission(Kind.FUNCTION, "s", "f(integer)", None, "EXECUTE")
    assert merge(kernels(NAME), PIECE, shown(2, functions=(function(5, "f", public=False),))).lacking == (call,)
    assert not merge(kernels(NAME), PIECE, shown(2, functions=(function(5, "f"),))).differs


def test_sequences_are_drawn_from_only_when_something_runs() -> None:
    drawing = shown(2, draws=frozenset({("nextval", 2)}))
    use = Permission(Kind.SEQUENCE, "s", "numbers", None, "USAGE")
    assert merge(kernels(NAME, use), PIECE, drawing).permissions.count(use) == 1
    explained = merge(kernels(NAME), Piece(analysed="…", command="SELECT", runs=False), drawing)
    assert use not in explained.permissions
    assert not explained.differs


def test_postgresql_stands_in_where_the_kernel_could_not_make_out_a_name() -> None:
    found = stand_in(refused("ambiguous_function"), PIECE, shown(2), CATALOG)
    assert found is not None
    assert set(found.permissions) == {*IMPLIED, NAME}
    assert found.differs


def test_it_does_not_stand_in_for_what_no_tree_shows() -> None:
    opaque = function(6, "query_to_xml", schema="pg_catalog", language="internal")
    for code, piece, seen in (
        ("opaque_function", PIECE, shown(2)),
        ("function_body", PIECE, shown(2)),
        ("search_path", PIECE, shown(2)),
        ("ambiguous_function", Piece(analysed="…", command="SELECT", beside="execute p (f(1))"), shown(2)),
        ("ambiguous_function", PIECE, shown(2, beneath=body("BEGIN END"))),
        ("ambiguous_function", PIECE, shown(2, beneath=body("", "s.dblink(text)", "c"))),
        ("ambiguous_function", PIECE, shown(2, functions=(opaque,))),
    ):
        assert stand_in(refused(code), piece, seen, CATALOG) is None, code
    assert stand_in(refused("ambiguous_function"), PIECE, shown(2, beneath=body("", "s.cube(text)", "c")), CATALOG)
    elsewhere = Catalog(database="d", version="1", server_version=18, schemas=("t",), relations=())
    assert stand_in(refused("unknown_table"), PIECE, shown(2), elsewhere) is None


def test_a_name_may_be_spelled_in_escapes() -> None:
    orders = column("s", "orders", "owner", "SELECT")
    found = merge(kernels(NAME, orders), PIECE, shown(2, beneath=body('SELECT owner FROM s.U&"\\006frders"')))
    assert orders in found.permissions
    assert found.surplus == ()
