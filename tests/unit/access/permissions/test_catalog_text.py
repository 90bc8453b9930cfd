"""Catalogs from their text: packed, they are what they were; what is wrong anywhere in one is told when it is read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p0_access.encoding import encode
from p0_access.errors import MalformedError
from p0_access.packed import IN_A_BLOCK, Packed
from p0_access.permissions.catalog import Catalog, Column, Constraint, Function, Relation, RelationKind
from p0_access.permissions.catalog_text import decode_catalog
from p0_access.permissions.infer import read
from p0_access.permissions.reading import needed

MANY = 3 * IN_A_BLOCK + 5


def table(number: int, schema: str = "shop", kind: RelationKind = "table") -> Relation:
    return Relation(schema=schema, name=f"t{number}", kind=kind, columns=(Column(name="id", type="bigint"),))


def function(name: str, *types: str) -> Function:
    return Function(schema="shop", name=name, arguments=", ".join(types), types=types, returns="text")


def catalog_of(*relations: Relation, functions: tuple[Function, ...] = ()) -> Catalog:
    return Catalog(
        database="d", version="1", server_version=18, schemas=("shop",), relations=relations, functions=functions
    )


CATALOG = catalog_of(*(table(number) for number in range(MANY)), functions=(function("f", "text"), function("g")))


def test_a_packed_catalog_is_the_one_it_was_made_of() -> None:
    text = encode(CATALOG)
    found = decode_catalog(text)
    assert isinstance(found.relations, Packed)
    assert isinstance(found.functions, Packed)
    assert found == CATALOG
    assert encode(found) == text
    assert [len(found.relations), found.relations[-1], found.relations[40:43]] == [
        MANY,
        CATALOG.relations[-1],
        tuple(CATALOG.relations[40:43]),
    ]
    with pytest.raises(IndexError):
        found.relations[MANY]


@pytest.mark.parametrize("packed", [True, False])
def test_things_are_found_by_their_names(packed: bool) -> None:
    overloads = (function("f", "text"), function("a"), function("f", "int"))
    made = catalog_of(table(2), table(1, "other"), table(1), table(3, kind="sequence"), functions=overloads)
    catalog = decode_catalog(encode(made)) if packed else made
    assert catalog.relation("shop", "t2") == table(2)
    assert catalog.relation("other", "t1") == table(1, "other")
    assert [catalog.relation("shop", "t"), catalog.relation("nowhere", "t1")] == [None, None]
    assert catalog.functions_named("shop", "f") == (overloads[0], overloads[2])
    assert catalog.functions_named("other", "f") == ()
    assert list(catalog.tables()) == [("shop", "t1"), ("shop", "t2"), ("other", "t1")]
    assert list(catalog.tables("T")) == list(catalog.tables("t")) == list(catalog.tables())
    assert list(catalog.tables("s")) == []
    assert list(catalog.tables("T")) == list(catalog.tables("t")) == list(catalog.tables())
    assert list(catalog.tables("s")) == []
    assert list(catalog.routines()) == [("shop", "a"), ("shop", "f"), ("shop", "f")]
    assert catalog.function_names == {"a", "f"}


def test_a_packed_catalog_reads_as_the_one_it_was_made_of() -> None:
    key = Constraint(name="k", kind="foreign", columns=("id",), definition="FOREIGN KEY (id) REFERENCES shop.t1(id)")
    child = msgspec.structs.replace(table(MANY), constraints=(key,), inherits=(("shop", "t2"),))
    made = catalog_of(*CATALOG.relations, child)
    packed = decode_catalog(encode(made))
    for sql in ("select id from shop.t70", "truncate shop.t1 cascade", "select * from shop.t2", "delete from shop.t1"):
        assert needed(read(sql, packed)) == needed(read(sql, made))
    assert read("select 1 from shop.nosuch", packed) == read("select 1 from shop.nosuch", made)


@pytest.mark.parametrize(
    ("good", "bad", "code"),
    [
        ('"name":"t90","kind":"table"', '"name":"t90","kind":"chair"', "malformed_record"),
        ('"name":"t90","kind":"table"', '"kind":"table"', "malformed_record"),
        ('"name":"t90","kind":"table"', '"name":"t90","kind":"table","more":1', "malformed_record"),
        ('"name":"t90","kind":"table"', '"name":"t90","name":"t9","kind":"table"', "duplicate_key"),
        ('"name":"t90"', '"name":"\\ud800"', "malformed_json"),
        ('"name":"g"', '"name":7', "malformed_record"),
        ('"types":[],"operators"', '"types":[{}],"operators"', "malformed_record"),
        ('"relations":[', '"relations":[' + "[" * 2_000, "too_deep"),
        ('"version":"1"', '"version":"1","version":"1"', "duplicate_key"),
        ('"server_version":18', '"server_version":NaN', "malformed_json"),
        ('"server_version":18', '"server_version":"18"', "malformed_record"),
        (',"relations":', ',"relatives":', "malformed_record"),
        ('"event_triggers":[]}', '"event_triggers":[]', "malformed_json"),
    ],
)
def test_whatever_is_wrong_is_told_at_once(good: str, bad: str, code: str) -> None:
    text = encode(CATALOG).decode()
    assert text.count(good) == 1
    with pytest.raises(MalformedError) as raised:
        decode_catalog(text.replace(good, bad))
    assert raised.value.code == code


def test_one_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = encode(CATALOG)
    monkeypatch.setattr("p0_access.permissions.catalog_text.MAX_CATALOG_BYTES", len(text) - 1)
    with pytest.raises(MalformedError) as raised:
        decode_catalog(text)
    assert raised.value.code == "oversize"


def test_one_that_somebody_wrote_by_hand_is_taken_too() -> None:
    by_hand = msgspec.json.format(encode(CATALOG), indent=2).replace(
        b'"kind": "table"', b'"kind": "table", "inherits": []'
    )
    with pytest.raises(MalformedError):
        decode_catalog(by_hand, by_hand=False)
    found = decode_catalog(by_hand)
    assert found == CATALOG
    assert isinstance(found.relations, Packed)
    assert encode(found) == encode(CATALOG)


def test_one_of_an_agent_that_knows_less_is_packed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("p0_access.permissions.catalog_text.decode")  # which takes longer, and more memory
    older = encode(CATALOG).replace(b',"casts":[]', b"").replace(b',"operators":[]', b"")
    assert decode_catalog(older) == CATALOG


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "B", "ä"]), st.text(max_size=4), st.sampled_from(["table", "sequence"])),
        max_size=2 * IN_A_BLOCK,
    )
)
@settings(max_examples=40, deadline=None)
def test_whatever_things_are_called_they_are_found(named: list[tuple[str, str, RelationKind]]) -> None:
    made = catalog_of(*(Relation(schema=schema, name=name, kind=kind) for schema, name, kind in named))
    packed = decode_catalog(encode(made))
    assert isinstance(packed.relations, Packed)
    assert list(packed.relations) == list(made.relations)
    last = {(each.schema, each.name): each for each in made.relations}
    assert {each: packed.relation(*each) for each in last} == last
    assert sorted(packed.tables()) == sorted((schema, name) for schema, name, kind in named if kind == "table")
