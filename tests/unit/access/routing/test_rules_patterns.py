"""Patterns: anchored, part by part, quoting, functions, addresses."""

from __future__ import annotations

import time

import pytest

from p0_access.routing.patterns import PatternError, fits_email, parse_email, parse_function, parse_pattern

FITS = [
    ("prod-*", ("prod-sales",), True),
    ("prod-*", ("prod-",), True),
    ("prod-*", ("preprod-sales",), False),
    ("prod", ("prod-sales",), False),
    ("prod-?", ("prod-1",), True),
    ("prod-?", ("prod-12",), False),
    ("*", ("anything at all",), True),
    ("Prod", ("prod",), False),
    ("*prod*", ("x\nprod\n",), True),
    ("a.*", ("a", "b"), True),
    ("a.*", ("ab", "c"), False),
    ("a*.b", ("a.x", "b"), True),
    ('"we.ird".t', ("we.ird", "t"), True),
    ('"*".t', ("*", "t"), True),
    ('"*".t', ("x", "t"), False),
    ('"say ""hi"""."t 1"', ('say "hi"', "t 1"), True),
    ("tábla.*", ("tábla", "x"), True),
]


@pytest.mark.parametrize(("text", "names", "fits"), FITS)
def test_patterns_are_anchored_globs_over_each_name(text: str, names: tuple[str, ...], *, fits: bool) -> None:
    assert parse_pattern(text, *["name"] * len(names)).fits(*names) is fits


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a b", "[ab]", "a|b", "^a", "a$", '"a', 'a"b"', "(a)", "a+", '""']
)
def test_what_is_no_glob_is_refused(text: str) -> None:
    for parts in (("one",), ("one", "two")):
        with pytest.raises(PatternError):
            parse_pattern(text, *parts)


def test_a_pattern_with_many_stars_stays_quick() -> None:
    pattern = parse_pattern("*a" * 30 + "*b", "name")
    before = time.perf_counter()
    assert not pattern.fits("a" * 5000)
    assert time.perf_counter() - before < 1


FUNCTIONS = [
    ("s.rate", "rate(integer, date)", True),
    ("s.rate", "rate()", True),
    ("s.rate", "rates()", False),
    ("s.rate(integer, date)", "rate(integer, date)", True),
    ("s.rate(integer)", "rate(integer, date)", False),
    ("s.rate()", "rate()", True),
    ("s.rate()", "rate(integer)", False),
    ("s.r*", "rate(integer)", True),
    ("s.*(integer)", "rate(integer)", True),
    ("s.rate", "rate(integer(x)", False),
    ('s."Rate(x"', "Rate(x()", False),
    ("t.rate", "rate()", False),
]


@pytest.mark.parametrize(("text", "signature", "fits"), FUNCTIONS)
def test_functions_with_and_without_arguments(text: str, signature: str, *, fits: bool) -> None:
    assert parse_function(text).fits_function("s", signature) is fits


EMAILS = [
    ("dana@corp.example", "dana@corp.example", True),
    ("Dana@Corp.example", "dana@CORP.example", True),
    ("*@corp.example", "dana@corp.example", True),
    ("*@corp.example", "dana@evil.example", False),
    ("*@corp.example", "dana@x.corp.example", False),
    ("*@corp.example", "dana@evil.example@corp.example", True),
    ("*@corp.example", "corp.example", False),
    ("dana@corp.example", "dana@corp-example", False),
]


@pytest.mark.parametrize(("text", "email", "fits"), EMAILS)
def test_addresses_within_a_whole_domain(text: str, email: str, *, fits: bool) -> None:
    assert fits_email(parse_email(text), email) is fits


@pytest.mark.parametrize(
    "text", ["*", "*@*", "dana@", "@corp.example", "dana@corp", "dana@*.example", "a b@corp.example"]
)
def test_an_address_names_its_domain(text: str) -> None:
    with pytest.raises(PatternError):
        parse_email(text)
