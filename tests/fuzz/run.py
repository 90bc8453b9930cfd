"""Coverage-guided fuzzing of the kernel's reading: `python tests/fuzz/run.py [-max_total_time=SECONDS …]`.

Arguments are libFuzzer's. It begins with the sentences of the cases of inference. What breaks a promise is printed.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))

with atheris.instrument_imports(include=["p0_access.permissions"]):
    from fuzz.readings import check, sample

CASES = TESTS / "inference_cases"
SECONDS = "10"
MAX_BYTES = 4096
BY_BYTES = 0.4
"""How often bytes are changed rather than words."""

WORD = re.compile(r"\w+|'[^']*'|\"[^\"]*\"|[^\s\w]")


def main() -> None:
    catalog = sample(CASES)

    begun_with = sentences()
    words = sorted({word for text in begun_with for word in WORD.findall(text)})

    def target(data: bytes) -> None:
        check(data.decode("utf-8", "surrogateescape"), catalog)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        """By bytes, or by words, which leaves more of it SQL."""
        random = Random(seed)
        if random.random() < BY_BYTES:
            return bytes(atheris.Mutate(data, max_size))
        found = WORD.findall(data.decode("utf-8", "replace"))
        for _ in range(random.randint(1, 3)):
            at = random.randint(0, len(found))
            end = min(len(found), at + random.choice((0, 0, 1, 2)))
            found[at:end] = random.choice(([], [random.choice(words)], WORD.findall(random.choice(begun_with))))
        return " ".join(found).encode()[:max_size]

    with tempfile.TemporaryDirectory() as seeds:
        for number, text in enumerate(begun_with):
            Path(seeds, f"{number:04}").write_text(text, encoding="utf-8")
        arguments = [f"-max_total_time={SECONDS}", f"-max_len={MAX_BYTES}", "-timeout=10", "-print_final_stats=1"]
        arguments += [f"-dict={Path(__file__).with_name('sql.dict')}", f"-artifact_prefix={seeds}/"]
        atheris.Setup([sys.argv[0], *arguments, *sys.argv[1:], seeds], target, custom_mutator=mutated)
        atheris.Fuzz()


def sentences() -> list[str]:
    """The SQL of all cases."""
    return [
        "\n".join(line for line in block.split("\n") if not line.startswith("    "))
        for theme in sorted(CASES.glob("*.txt"))
        for block in theme.read_text(encoding="utf-8").strip().split("\n\n")
    ]


if __name__ == "__main__":
    main()
