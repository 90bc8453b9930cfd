"""The tokens of a PL/pgSQL body, as a reader of its statements takes them; it knows words, and no statement."""

from __future__ import annotations

from p0_access.permissions.infer.context import RefusedError
from p0_access.permissions.lexer import COLON, OPERATOR, PUNCTUATION, QUOTED_NAME, WORD, tokens


class Tokens:
    """`_at` is the next token; `_words` are they for comparison. What is not there raises RefusedError
    (`function_body`)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens(text))
        self._words = [self._word_of(kind, start, end) for kind, start, end in self._tokens]
        self._at = 0

    def _word_of(self, kind: int, start: int, end: int) -> str:
        """A token for comparison: words in lower case, marks as they are, quoted names and the rest as nothing."""
        if kind == WORD:
            return self._text[start:end].lower()
        return self._text[start:end] if kind in (PUNCTUATION, OPERATOR, COLON) else ""

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ";"

    def _second(self) -> str:
        return self._words[self._at + 1] if self._at + 1 < len(self._words) else ";"

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        if self._at > len(self._words) + 1:
            raise unknown("it ends too early")
        return word

    def _expect(self, word: str) -> None:
        found = self._next()
        if found != word:
            raise unknown(f'"{found}" stands where "{word}" should')

    def _until(self, *ends: str) -> tuple[str, str]:
        """The text up to a word outside of brackets and CASEs, and that word, which is taken too."""
        begin = self._at
        open_: list[str] = []
        while self._at < len(self._words):
            word = self._words[self._at]
            if not open_ and word in ends:
                text = self._between(begin, self._at)
                self._at += 1
                return text, word
            if word in ("(", "[", "case"):
                open_.append(word)
            elif word in (")", "]") or (word == "end" and open_ and open_[-1] == "case"):
                if open_:
                    open_.pop()
            elif word == ";":
                break
            self._at += 1
        raise unknown(f'no "{ends[0]}" follows "{self._between(begin, self._at)[:40]}"')

    def _between(self, begin: int, end: int) -> str:
        return self._text[self._tokens[begin][1] : self._tokens[end - 1][2]] if begin < end else ""

    def _name(self) -> str:
        kind, start, end = self._tokens[self._at]
        self._at += 1
        if kind == QUOTED_NAME:
            return self._text[start + 1 : end - 1].replace('""', '"')
        if kind != WORD:
            raise unknown(f'"{self._text[start:end]}" is not a name')
        return self._text[start:end].lower()


def without_into(text: str) -> str:
    """A query without its `INTO [STRICT] target, …`, which is PL/pgSQL's; INSERT's and MERGE's own INTO stays."""
    found = list(tokens(text))
    words = [text[start:end].lower() if kind == WORD else text[start:end] for kind, start, end in found]
    depth = 0
    for place, word in enumerate(words):
        depth += (word in ("(", "[")) - (word in (")", "]"))
        if word == "into" and depth == 0 and (place == 0 or words[place - 1] not in ("insert", "merge")):
            end = _targets_end(words, found, place + 1)
            begin = found[place][1]
            stop = found[end - 1][2]
            return text[:begin] + " " * (stop - begin) + text[stop:]
    return text


def _targets_end(words: list[str], found: list[tuple[int, int, int]], place: int) -> int:
    """Where a list of targets ends: names with fields or indices, separated by commas."""
    if place < len(words) and words[place] == "strict":
        place += 1
    while place < len(words):
        place += 1
        while place < len(words) and words[place] in (".", "["):
            if words[place] == ".":
                place += 2
                continue
            while place < len(words) and words[place] != "]":
                place += 1
            place += 1
        if place >= len(words) or words[place] != ",":
            break
        place += 1
    return min(place, len(found))


def unknown(message: str) -> RefusedError:
    return RefusedError("function_body", f"its PL/pgSQL is not understood: {message}")
