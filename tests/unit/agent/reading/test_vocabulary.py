"""Names are found in the text of functions wherever it could be run: everywhere but in comments."""

from __future__ import annotations

from typing import Final

import pytest

from p0_access.permissions.catalog import Catalog, Function, Relation
from p0_agent.reading import vocabulary

HEAD: Final = "CREATE OR REPLACE FUNCTION public.f()\n RETURNS void\n LANGUAGE plpgsql"
CATALOG: Final = Catalog(
    database="d",
    version="1",
    server_version=18,
    schemas=("public",),
    relations=tuple(Relation(schema="public", name=name, kind="table") for name in ("orders", "Odd one", "gone")),
    functions=(Function(schema="public", name="pays", arguments="", returns="void"),),
)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("BEGIN DELETE FROM orders; END", {"orders"}),
        ('BEGIN PERFORM 1; -- orders\n/* "Odd one" /* gone */ */ END', set()),
        ("BEGIN EXECUTE 'TABLE orders -- gone'; END", {"orders", "gone"}),
        ("BEGIN EXECUTE $q$TABLE orders -- gone$q$; END", {"orders", "gone"}),
        ("BEGIN EXECUTE 'it''s -- orders'; TABLE \"Odd one\"; END", {"orders", "Odd one"}),
        ("BEGIN EXECUTE E'\\'' -- orders\n; END", {"orders"}),  # a backslash: nothing is passed over
        ("BEGIN /* orders", {"orders"}),
    ],
)
def test_comments_alone_are_passed_over(body: str, found: set[str]) -> None:
    told = vocabulary.without_comments(f"{HEAD}\nAS $function$ {body} $function$\n")
    assert vocabulary.relations(CATALOG).mentioned(told) == found


def test_a_head_that_looks_like_a_body_hides_nothing() -> None:
    head = HEAD.replace("f()", "f(a text DEFAULT '\nAS $function$ /*'::text)")
    told = vocabulary.without_comments(
        f"{head}\nAS $function$ BEGIN DELETE FROM orders; PERFORM pays(); END $function$\n"
    )
    assert vocabulary.relations(CATALOG).mentioned(told) == {"orders"}
    assert vocabulary.routines(CATALOG).mentioned(told) == {"pays"}
