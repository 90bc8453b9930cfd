"""Forms that a reason must name, such as a ticket: `OPS-#`. `#` stands for one or more digits, all else for itself.

A form is held against whole words of the reason, from the first to the last character, so that `XOPS-1` is not `OPS-#`;
punctuation around a word is not part of it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from p0_access.routing.patterns import PatternError

MAX_FORM: Final = 64

_FORM: Final = re.compile(r"[A-Za-z0-9#](?:[A-Za-z0-9#_./-]*[A-Za-z0-9#])?\Z")
_AROUND: Final = "\"'`()[]{}<>.,;:!?"


class ReasonForm(msgspec.Struct, frozen=True):
    """`text` is the form as written."""

    text: str

    def named_in(self, reason: str) -> bool:
        matches = re.compile("[0-9]+".join(re.escape(part) for part in self.text.split("#")), re.ASCII).fullmatch
        return any(matches(word.strip(_AROUND)) is not None for word in reason.split())

    def __str__(self) -> str:
        return self.text


def parse_form(text: str) -> ReasonForm:
    if "##" in text or "#" not in text or len(text) > MAX_FORM or not _FORM.match(text):
        raise PatternError(
            f'"{text}" is not the form of a ticket',
            "write OPS-#, where # stands for digits; letters, digits, _ . / and - stand for themselves",
        )
    return ReasonForm(text)
