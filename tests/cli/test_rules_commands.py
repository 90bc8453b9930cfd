"""`p0 rules` in a terminal: both streams and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from p0_launcher.main import _main

GOOD = """version: 1
rules:
  - name: reads
    requestor: {groups: [analysts]}
    resource: {databases: [sales]}
    access: {privileges: [SELECT]}
    approval: {auto: true}
"""
DEAD = (
    GOOD
    + """  - name: markets
    requestor: {groups: [analysts]}
    resource: {databases: [sales], relations: [s.markets]}
    access: {privileges: [SELECT]}
    approval: {approvers: {groups: [dba]}}
"""
)
CASES = """version: 1
catalog: sales.json
cases:
  - name: analysts read
    requestor: {groups: [analysts]}
    database: sales
    sql: select id from s.markets
    expect: {verdict: auto}
  - name: nobody writes
    requestor: {groups: [analysts]}
    database: sales
    sql: delete from s.markets
    expect: {verdict: deny}
"""
CATALOG = {
    "database": "sales",
    "version": "1",
    "server_version": 18,
    "schemas": ["s"],
    "relations": [{"schema": "s", "name": "markets", "kind": "table", "columns": [{"name": "id", "type": "bigint"}]}],
}


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "good.yaml": GOOD,
        "dead.yaml": DEAD,
        "bad.yaml": GOOD.replace("SELECT", "select"),
        "cases.yaml": CASES,
        "sales.json": json.dumps(CATALOG),
    }.items():
        Path(name).write_text(text)
    return tmp_path


def p0(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = _main(["rules", *arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = p0(capsys, "check", "good.yaml", "--strict")
    assert (status, err) == (0, "")
    assert out.startswith("good.yaml: 1 rules, SHA-256 ")
    assert p0(capsys, "check", "bad.yaml") == (
        78,
        "",
        'p0: bad.yaml:6:27: "select" is not a privilege\nhint: did you mean "SELECT"?\n',
    )
    status, out, _ = p0(capsys, "check", "dead.yaml")
    assert status == 0
    assert 'dead.yaml:8: warning: rule "markets" is never reached: "reads" on line 3 takes all of it\n' in out
    assert p0(capsys, "check", "dead.yaml", "--strict")[0] == 1
    status, out, _ = p0(capsys, "check", "dead.yaml", "--json", "--group", "analysts")
    assert [each["code"] for each in json.loads(out)["findings"]] == ["unreachable", "unknown_group"]
    assert p0(capsys, "check", "gone.yaml")[0] == 64


def test_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert p0(capsys, "test", "good.yaml", "cases.yaml") == (0, "2 of 2 cases hold\n", "")
    Path("cases.yaml").write_text(CASES.replace("{verdict: auto}", "{verdict: deny}"))
    status, out, err = p0(capsys, "test", "good.yaml", "cases.yaml")
    assert (status, err) == (1, "")
    assert out.startswith(
        "cases.yaml:4: analysts read\n  asked by somebody of https://id.example, in analysts\n"
        "  the verdict is auto, not deny\n    SELECT (id) on s.markets"
    )
    assert out.endswith("1 of 2 cases hold\n")


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("explain", "--rules", "good.yaml", "--catalog", "sales.json", "--group", "analysts")
    status, out, _ = p0(capsys, *options, "-c", "select id from s.markets")
    assert status == 0
    assert "automatic for 1h (the default cap), by rule reads" in out
    assert "reads: matches: SELECT (id) on s.markets" in out
    status, out, _ = p0(capsys, *options, "--grant", "DELETE on s.markets")
    assert "reads: no: the privilege is not SELECT" in out
    assert p0(capsys, "explain", "--rules", "good.yaml")[0] == 64


DIRECTORY = """issuer = "https://id.example"
[groups]
analysts = ["ada@corp.example"]
oncall = ["https://id.example#eve"]
"""
STUCK = (
    GOOD
    + """  - name: stuck
    requestor: {groups: [oncall]}
    resource: {databases: [sales], relations: ["s.*"]}
    approval: {break_glass: {max_ttl: 15m, notify: [security], review_within: 24h}}
  - name: tuesdays
    requestor: {groups: [oncall]}
    resource: {databases: [sales], relations: ["s.*"]}
    when: {days: [tue], timezone: UTC}
    approval: {auto: true}
"""
)


def test_groups_of_a_directory_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("groups.toml").write_text(DIRECTORY)
    by_directory = ("--directory", "groups.toml")
    Path("cases.yaml").write_text(CASES.replace("{groups: [analysts]}", "{email: ada@corp.example}"))
    assert p0(capsys, "test", "good.yaml", "cases.yaml", *by_directory)[0] == 0
    status, out, _ = p0(capsys, "test", "good.yaml", "cases.yaml")
    assert status == 1
    assert "asked by ada@corp.example of https://id.example, in no group\n" in out
    options = ("explain", "--rules", "good.yaml", "--catalog", "sales.json", "-c", "select id from s.markets")
    assert "automatic for 1h" in p0(capsys, *options, "--email", "ada@corp.example", *by_directory)[1]
    assert "denied: " in p0(capsys, *options, "--email", "bob@corp.example", *by_directory)[1]
    Path("groups.toml").write_text(DIRECTORY.replace("[groups]", "[group]"))
    for arguments in (options, ("test", "good.yaml", "cases.yaml"), ("check", "good.yaml")):
        status, _, err = p0(capsys, *arguments, *by_directory)
        assert (status, err[:17]) == (78, "p0: groups.toml: ")


def test_groups_that_nobody_knows_are_told_with_those_that_are_known(capsys: pytest.CaptureFixture[str]) -> None:
    Path("groups.toml").write_text(DIRECTORY.replace("analysts", "analists"))
    status, out, _ = p0(capsys, "check", "good.yaml", "--directory", "groups.toml", "--strict")
    assert status == 1
    assert (
        'good.yaml:3: warning: rule "reads" names the group "analysts", which nobody is in by groups.toml '
        '(it has analists and oncall; did you mean "analists"?)\n'
    ) in out
    out = p0(capsys, "check", "good.yaml", "--directory", "groups.toml", "--group", "dba")[1]
    assert "which nobody is in by --group and groups.toml (it has analists, dba and oncall; " in out
    assert "warning" not in p0(capsys, "check", "good.yaml", "--directory", "groups.toml", "--group", "analysts")[1]


def test_explain_an_emergency_and_another_time(capsys: pytest.CaptureFixture[str]) -> None:
    Path("stuck.yaml").write_text(STUCK)
    options = ("explain", "--rules", "stuck.yaml", "--catalog", "sales.json", "--group", "oncall",
               "-c", "delete from s.markets")  # fmt: skip
    monday, tuesday = ("--at", "2026-01-05T12:00:00Z"), ("--at", "2026-01-06T12:00:00Z")
    assert "stuck" not in p0(capsys, *options, *monday)[1]
    out = p0(capsys, *options, *monday, "--break-glass")[1]
    assert "breaks the glass: security are told at once, and review it within 1d" in out
    assert "of a request for it: an emergency needs a reason" in out
    assert "needs a reason" not in p0(capsys, *options, *monday, "--break-glass", "--reason", "OPS-1")[1]
    assert "tuesdays: no: it is not tue UTC" in p0(capsys, *options, *monday)[1]
    assert "tuesdays: matches" in p0(capsys, *options, *tuesday)[1]
    assert p0(capsys, *options, "--at", "noon")[0] == 64
    assert p0(capsys, "explain", "r-1", "--break-glass")[0] == 64


@pytest.mark.parametrize(("at", "problem"), [("yesterday", "is not a time"), ("2026-01-05T12:00", "has no time zone")])
def test_a_time_that_is_none(capsys: pytest.CaptureFixture[str], at: str, problem: str) -> None:
    said = p0(capsys, "explain", "--rules", "good.yaml", "--catalog", "sales.json", "-c", "select 1", "--at", at)
    assert said == (64, "", f'p0: --at: "{at}" {problem}\nhint: write 2026-01-05T12:00:00+01:00, or Z for UTC\n')


def test_replay_of_an_export(capsys: pytest.CaptureFixture[str]) -> None:
    Path("export.jsonl").write_text(json.dumps({"catalog": CATALOG}) + "\n")
    said = "0 requests replayed, 0 would be decided otherwise\n"
    assert p0(capsys, "replay", "good.yaml", "--from", "export.jsonl") == (0, said, "")
    Path("export.jsonl").write_text("{}\n{\n")
    status, _, err = p0(capsys, "replay", "good.yaml", "--from", "export.jsonl")
    assert status == 64
    assert "export.jsonl:2: " in err


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = p0(capsys, "schema")
    assert (status, json.loads(out)["title"]) == (0, "Rules of p0")
