"""PL/pgSQL bodies: the statements and expressions in them (pl_gram.y), each read as SQL.

All branches are charged, since only the run tells which is taken, but for those of other events of a trigger. Text that
is put together and executed is refused; a string that is executed as it stands is read. Variables are known by name
alone: PostgreSQL refuses names that could be both a variable and a column, so a name that a query's tables do not have
is a variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from p0_access.permissions.infer import branches
from p0_access.permissions.infer.context import RefusedError
from p0_access.permissions.infer.plpgsql_body import Body
from p0_access.permissions.infer.plpgsql_tokens import Tokens, unknown, without_into
from p0_access.permissions.lexer import STRING, tokens

_ENDS_BLOCK: Final = frozenset({"end", "exception", "else", "elsif", "elseif", "when"})
_IGNORED: Final = frozenset({"get", "close", "null", "commit", "rollback"})
_MAKES_VARIABLE: Final = frozenset({":=", "=", "[", "."})
"""After the first word of a statement: it is a variable's name, whatever it means elsewhere (pl_scanner.c)."""
_HAS_INTO: Final = frozenset({"select", "insert", "update", "delete", "merge", "with", "values", "table"})
_NAMED_ARGUMENT: Final = re.compile(r"([(,])\s*[A-Za-z_\x80-\U0010ffff][\w$]*\s*(?::=|=>)")
_OPENING: Final = r"\1"
_EVENT: Final = re.compile(r"\btg_op\b", re.IGNORECASE)
_DIRECTIONS: Final = ("next", "prior", "first", "last", "absolute", "relative", "forward", "backward")
_RAISE_LEVELS: Final = frozenset({"debug", "log", "info", "notice", "warning", "exception"})


def read_body(text: str, event: str | None) -> Body:
    """Takes a body apart; raises RefusedError (`function_body`) for what it does not know. Of a trigger's function that
    fires for `event`, branches for others are left out."""
    reader = _Reader(text, event)
    reader.directives()
    reader.block()
    if event is not None and reader.body.sets_event:
        return read_body(text, None)
    return reader.body


class _Reader(Tokens):
    """A recursive descent over the tokens of one body."""

    def __init__(self, text: str, event: str | None) -> None:
        super().__init__(text)
        self.body = Body()
        self._event = event
        self._cursors: set[str] = set()
        self._readers: dict[str, Callable[[], None]] = {
            "if": self._if,
            "case": self._case,
            "loop": self._loop,
            "while": self._while,
            "for": self._for,
            "foreach": self._foreach,
            "exit": self._leave,
            "continue": self._leave,
            "return": self._return,
            "raise": self._raise,
            "assert": self._assert,
            "perform": self._perform,
            "open": self._open,
            "execute": self._execute,
            "fetch": self._fetch,
            "move": self._fetch,
        }

    def _expression(self, text: str) -> None:
        if text:
            self.body.statements.append(f"SELECT {text}")

    def directives(self) -> None:
        """`#option value` before the body. With use_variable a name could be a variable though a column has it."""
        while self._peek() == "#":
            option = self._words[self._at + 1 : self._at + 3]
            self._at += 3
            if option == ["variable_conflict", "use_variable"]:
                raise unknown("variables hide columns")

    def block(self) -> None:
        self._label()
        if self._peek() == "declare":
            self._next()
            while self._peek() != "begin":
                if self._peek() == "declare":
                    self._next()
                else:
                    self._declaration()
        self._expect("begin")
        self._statements()
        if self._peek() == "exception":
            self._next()
            while self._peek() == "when":
                self._until("then")
                self._statements()
        self._expect("end")
        if self._peek() != ";":
            self._next()
        if self._at < len(self._words):
            self._expect(";")

    def _label(self) -> None:
        if self._peek() == "<<":
            self._next()
            self.body.declare(self._name())
            self._expect(">>")

    def _declaration(self) -> None:
        name = self._name()
        if self._peek() in ("cursor", "no", "scroll"):
            self.body.declare(name)
            self._cursors.add(name)
            self._cursor()
            return
        text, end = self._until("default", ":=", "=", ";")
        words = text.split()
        if words[:1] and words[0].lower() == "alias":
            self.body.declare(name)
            self._written(text)
            return
        if words[:1] and words[0].lower() == "constant":
            text = text[len("constant") :]
        lowered = text.lower()
        for trailing in ("not null", " collate "):
            if (place := lowered.find(trailing)) >= 0:
                text = text[:place]
                lowered = lowered[:place]
        self.body.types.append(text.strip())
        self.body.declare(name, text.strip())
        if end != ";":
            self._expression(self._until(";")[0])

    def _cursor(self) -> None:
        arguments, _ = self._until("for", "is")
        if "(" in arguments:
            inside = arguments[arguments.index("(") + 1 : arguments.rindex(")")]
            for each in inside.split(","):
                if each.split():
                    self.body.declare(each.split()[0].lower())
        self.body.statements.append(self._until(";")[0])

    def _statements(self) -> None:
        while self._peek() not in _ENDS_BLOCK:
            if self._at >= len(self._words):
                raise unknown("a block never ends")
            self._statement()

    def _statement(self) -> None:
        word = self._peek()
        if word == "<<":
            self._label()
            word = self._peek()
        if word in ("declare", "begin"):
            self.block()
        elif self._second() in _MAKES_VARIABLE and self._assigns():
            self._assignment()
        elif reader := self._readers.get(word):
            self._next()
            reader()
        elif word in _IGNORED:
            self._written(self._until(";")[0])
        elif word in _HAS_INTO:
            self._query(self._until(";")[0])
        else:
            text, _ = self._until(";")
            if word == "call":  # it may set what it is given
                self._written(text)
            self.body.statements.append(text)

    def _assigns(self) -> bool:
        """`a := …`, `a.b = …`, `a[1] := …`."""
        depth = 0
        for word in self._words[self._at :]:
            depth += (word == "[") - (word == "]")
            if depth == 0 and word in (":=", "="):
                return True
            if depth == 0 and word == ";":
                return False
            if depth == 0 and word not in ("", ".", "]") and not word.replace("_", "").isalnum():
                return False
        return False

    def _assignment(self) -> None:
        """`a[i].b := …`: what tells the element is computed, too."""
        target, _ = self._until(":=", "=")
        self._written(target)
        if "[" in target:
            self._expression(target[: target.rindex("]") + 1])
        self._expression(self._until(";")[0])

    def _written(self, text: str) -> None:
        """Variables named in it may get other values."""
        self.body.sets_event = self.body.sets_event or _EVENT.search(text) is not None

    def _query(self, text: str) -> None:
        """A query with PL/pgSQL's INTO."""
        query = without_into(text)
        self.body.statements.append(query)
        if len(_EVENT.findall(query)) != len(_EVENT.findall(text)):
            self._written(text)

    def _fetch(self) -> None:
        """`FETCH [direction {FROM | IN}] cursor [INTO target]`: how many rows may be an expression."""
        text, end = self._until("from", "in", "into", ";")
        if end in ("from", "in"):
            first, _, rest = text.partition(" ") if text.split()[:1] else ("", "", "")
            count = rest if first.lower() in _DIRECTIONS else text
            if count.strip().lower() not in ("", "all", *_DIRECTIONS):
                self._expression(count)
        if end != ";":
            self._written(self._until(";")[0])

    def _if(self) -> None:
        open_ = self._branch(branches.decided, runs=True)
        while self._peek() in ("elsif", "elseif"):
            self._next()
            open_ = self._branch(branches.decided, runs=open_)
        self._otherwise(runs=open_)
        self._closes("if")

    def _branch(self, decide: Callable[[str, str | None], bool | None], *, runs: bool) -> bool:
        """A condition and what stands under it. `runs` says whether it is reached; whether the next one is."""
        before = len(self.body.statements)
        condition = self._until("then")[0]
        self._expression(condition)
        holds = decide(condition, self._event)
        between = len(self.body.statements)
        self._statements()
        if not runs:
            del self.body.statements[before:]
        elif holds is False:
            del self.body.statements[between:]
        return runs and holds is not True

    def _otherwise(self, *, runs: bool) -> None:
        if self._peek() == "else":
            self._next()
            before = len(self.body.statements)
            self._statements()
            if not runs:
                del self.body.statements[before:]

    def _case(self) -> None:
        subject = self._until("when")[0]
        self._expression(subject)

        def decide(condition: str, event: str | None) -> bool | None:
            return branches.chosen(subject, condition, event) if subject else branches.decided(condition, event)

        open_ = self._branch(decide, runs=True)
        while self._peek() == "when":
            self._next()
            open_ = self._branch(decide, runs=open_)
        self._otherwise(runs=open_)
        self._closes("case")

    def _closes(self, word: str) -> None:
        self._expect("end")
        self._expect(word)
        self._until(";")

    def _loop(self) -> None:
        self._statements()
        self._closes("loop")

    def _while(self) -> None:
        self._expression(self._until("loop")[0])
        self._loop()

    def _for(self) -> None:
        targets, _ = self._until("in")
        for each in targets.split(","):
            self.body.declare(each.strip().strip('"').lower())
        if self._peek() == "execute":
            self._next()
            self._dynamic("loop")
            self._loop()
            return
        if self._peek() == "reverse":
            self._next()
        query = self._peek() in _HAS_INTO or self._peek() == "("
        name, written = self._first()
        text, _ = self._until("loop")
        if ".." in text and not query:
            for bound in text.replace("..", "\0").replace(" by ", "\0").replace(" BY ", "\0").split("\0"):
                self._expression(bound.strip())
        elif name not in self._cursors or text[len(written) :].strip()[:1] not in ("", "("):
            self.body.statements.append(text)
        elif "(" in text:  # a cursor with arguments
            self._arguments(text)
        self._loop()

    def _first(self) -> tuple[str, str]:
        """The next token as a name, and as it is written."""
        _, start, end = self._tokens[min(self._at, len(self._tokens) - 1)]
        written = self._text[start:end]
        return (written[1:-1].replace('""', '"') if written[:1] == '"' else written.lower()), written

    def _foreach(self) -> None:
        targets, _ = self._until("in")
        for each in targets.split("slice")[0].split(","):
            self.body.declare(each.strip().lower())
        self._expect("array")
        self._expression(self._until("loop")[0])
        self._loop()

    def _leave(self) -> None:
        _, end = self._until("when", ";")
        if end == "when":
            self._expression(self._until(";")[0])

    def _return(self) -> None:
        if self._peek() == "query":
            self._next()
            if self._peek() == "execute":
                self._next()
                self._dynamic(";")
            else:
                self.body.statements.append(self._until(";")[0])
            return
        if self._peek() == "next":
            self._next()
        self._expression(self._until(";")[0])

    def _raise(self) -> None:
        """RAISE [level] ['format' [, expression …]] [USING option = expression, …]: a name alone is a condition."""
        if self._peek() in _RAISE_LEVELS:
            self._next()
        text, end = self._until(",", "using", ";")
        while end == ",":
            text, end = self._until(",", "using", ";")
            self._expression(text)
        while end not in (";", ""):
            _, end = self._until("=", ":=", ";")
            if end != ";":
                text, end = self._until(",", ";")
                self._expression(text)

    def _assert(self) -> None:
        while True:
            text, end = self._until(",", ";")
            self._expression(text)
            if end == ";":
                return

    def _perform(self) -> None:
        self.body.statements.append(f"SELECT {self._until(';')[0]}")

    def _open(self) -> None:
        text, end = self._until("for", ";")
        if end == "for":
            if self._peek() == "execute":
                self._next()
                self._dynamic(";")
            else:
                self.body.statements.append(self._until(";")[0])
        elif "(" in text:
            self._arguments(text)

    def _arguments(self, text: str) -> None:
        """Those of a cursor, by place or by name."""
        self._expression(f"row{_NAMED_ARGUMENT.sub(_OPENING, text[text.index('(') :])}")

    def _execute(self) -> None:
        self._dynamic(";")

    def _dynamic(self, end: str) -> None:
        """`EXECUTE text [INTO target] [USING expression, …]`: known if the text is one string as it stands."""
        self.body.dynamic = True
        text, word = self._until("into", "using", end)
        found = list(tokens(text))
        if len(found) != 1 or found[0][0] != STRING or text[:1] != "'":
            raise RefusedError("function_body", "it runs text that it puts together (EXECUTE)")
        self.body.statements.append(text[1:-1].replace("''", "'"))
        while word not in (end, "using"):
            targets, word = self._until("using", "into", end)
            self._written(targets)
        if word == "using":
            expressions, word = self._until("into", end)
            self._expression(f"row({expressions})")
            if word == "into":
                self._written(self._until(end)[0])
