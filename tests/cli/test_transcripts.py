"""What `p0` says and how it ends, as transcripts: both streams and the exit status, on the whole of p0.

    $ VARIABLE=value p0 arguments          a command, as in a shell
    text                                   a line on stdout
    2> text                                a line on stderr
    ? 64                                   the exit status, if it is not 0

What differs between two runs has a name: <RID>, <TIME>, <SERVER>, <ISSUER>, <AGENT>, <DIR>. A line `...` stands for any
lines, within a line for any text.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fix_stage import Ran, p0
from p0_demo.stage import DANA, PEOPLE, Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.txt"))


@dataclass
class Step:
    """One command and what it must say. A command may begin with a person's name, `pat$ p0 …`."""

    command: str
    person: str = "dana"
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    status: int = 0


def steps(path: Path) -> Iterator[Step]:
    step: Step | None = None
    for line in path.read_text().splitlines():
        if started := re.match(r"(\w*)\$ (.*)", line):
            if step is not None:
                yield step
            step = Step(command=started[2], person=started[1] or "dana")
        elif step is None or line.startswith("#"):
            continue
        elif line.startswith("2> ") or line == "2>":
            step.err.append(line[3:])
        elif line.startswith("? "):
            step.status = int(line[2:])
        elif line:
            step.out.append(line)
    if step is not None:
        yield step


class Names:
    """Names for what differs between two runs, and back."""

    def __init__(self, stage: Stage) -> None:
        profile = tomllib.loads(stage.profile(DANA).read_text())["profiles"]["default"]
        self._values = {
            "<SERVER>": stage.server,
            "<ISSUER>": profile["issuer"],
            "<AGENT>": profile["agents"][0],
            "<DIR>": str(stage.directory),
        }

    def written(self, command: str) -> str:
        for name, value in self._values.items():
            command = command.replace(name, value)
        return command

    def named(self, text: str) -> list[str]:
        for name, value in self._values.items():
            text = text.replace(value, name)
        text = re.sub(r"\br-[a-z2-7]{8}\b", "<RID>", text)
        text = re.sub(r"(\b\d{4}-\d\d-\d\d )?\b\d\d:\d\d(:\d\d)?\b", "<TIME>", text)
        return [line.rstrip() for line in text.splitlines() if line.strip()]


async def run(stage: Stage, step: Step, names: Names) -> Ran:
    words = shlex.split(names.written(step.command))
    variables = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    assert words.pop(0) == "p0"
    person = next(person for person in PEOPLE if person.sub == step.person)
    return await p0(stage, person, *words, **variables)


def matches(found: list[str], expected: list[str]) -> bool:
    pattern = "".join(
        r"(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n" for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in found)) is not None


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_it_says_what_the_transcript_says(stage: Stage, path: Path) -> None:
    names = Names(stage)
    for step in steps(path):
        ran = await run(stage, step, names)
        out, err = names.named(ran.out), names.named(ran.err)
        said = "\n".join((step.command, *out, *(f"2> {line}" for line in err), f"? {ran.status}"))
        assert ran.status == step.status, said
        assert matches(out, step.out), said
        assert matches(err, step.err), said
