"""What is known, as lines for the screen: verdicts, permissions, SQL, steps. Pure; all text goes through `safe`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content

from p0_access.permissions.permission import Permission
from p0_access.permissions.reading import Refused
from p0_access.routing.durations import spell_duration
from p0_tui.assessment import Assessment, Group, Part
from p0_tui.highlight import Colour, spans
from p0_tui.safe import EMPTY, joined, safe, safe_lines, stacked, visible
from p0_tui.timeline import GLYPHS, Step, StepKind
from p0_tui.times import ago
from p0_tui.verdict import Verdict

MUTED = "$foreground-muted"
STEP_STYLES: dict[StepKind, str] = {
    "done": "$text-success",
    "now": "$text-warning",
    "next": MUTED,
    "bad": "$text-error",
}
_SQL_STYLES: dict[Colour, str] = {
    "keyword": "bold $text-primary",
    "string": "$text-success",
    "number": "$text-warning",
    "comment": "italic $foreground-muted",
    "parameter": "$text-secondary",
}


def verdict_line(verdict: Verdict, headline: str) -> Content:
    return joined((safe(f"{verdict.glyph} {verdict.word}", f"bold {verdict.style}"), safe("  "), safe(headline)))


def judged_lines(assessment: Assessment) -> list[Content]:
    """The verdict with its grounds, and for how long."""
    lines = [verdict_line(assessment.verdict, assessment.headline)]
    lines.extend(safe(f"  because {ground}", MUTED) for ground in assessment.grounds)
    if assessment.ttl is not None:
        lines.append(safe(f"  for {spell_duration(assessment.ttl)}", MUTED))
    return lines


def needed_lines(assessment: Assessment) -> list[Content]:
    """Every group with its parts, then what is implied."""
    lines: list[Content] = []
    for group in assessment.groups:
        lines.append(EMPTY)
        lines.extend(group_lines(group))
    if assessment.implied:
        lines.append(EMPTY)
        lines.extend(safe(f"  + {text}", MUTED) for text in assessment.implied)
    return lines


def easier_line(columns: Sequence[Permission]) -> Content:
    """Without which columns it would be automatic, and the key that leaves them out."""
    names = ", ".join(f"{item.object}.{item.column}" for item in columns)
    return joined(
        (safe(f"  ╌ without {names} ⇒ automatic", "italic $text-secondary"), safe("  [x]", "bold $text-accent"))
    )


def group_lines(group: Group) -> list[Content]:
    head = joined((safe(group.privilege, "bold"), safe(" "), safe(group.target)))
    return [head, *(_part_line(part) for part in group.parts)]


def problem_lines(problems: Sequence[Refused]) -> list[Content]:
    """Why SQL is not understood, and what would help."""
    lines: list[Content] = []
    for problem in problems:
        place = safe(f"✗ line {problem.line}, column {problem.column}: ", "bold $text-error")
        lines.append(joined((place, safe(problem.message))))
        if problem.hint:
            lines.append(safe(f"  {problem.hint}", MUTED))
    return lines


def sql(text: str) -> Content:
    """SQL over its numbered lines, coloured and literal."""
    shown = visible(text).replace("\t", "    ")
    coloured = spans(shown)
    lines = []
    for number, line in enumerate(shown.split("\n")):
        content = safe_lines(line)
        for start, end, colour in coloured.get(number, ()):
            content = content.stylize(_SQL_STYLES[colour], start, end)
        lines.append(joined((safe(f"{number + 1:>3}  ", MUTED), content)))
    return stacked(lines)


def step_lines(steps: Iterable[Step], now: float) -> list[Content]:
    lines = []
    for step in steps:
        parts = [safe(f"{GLYPHS[step.kind]} ", STEP_STYLES[step.kind]), safe(step.text)]
        if step.who:
            parts.append(safe(f" by {step.who}", MUTED))
        if step.said:
            parts.append(safe(f": {step.said}"))
        if step.at is not None:
            parts.append(safe(f"  {ago(now - step.at)} ago", MUTED))
        lines.append(joined(parts))
    return lines


def field(name: str, value: str, style: str = "") -> Content:
    """`name` is ours, `value` is not."""
    return joined((safe(f"{name:<10} ", MUTED), safe(value, style)))


def columns(parts: Sequence[tuple[Content, int]], last: Content) -> Content:
    """Cells of fixed widths, cut or padded, then a last one as long as it likes."""
    cells = [part.truncate(width, ellipsis=True, pad=True) for part, width in parts]
    return joined((*cells, last), " ")


def _part_line(part: Part) -> Content:
    pieces = [
        safe(f"  {part.verdict.glyph} ", f"bold {part.verdict.style}"),
        safe(" ".join(part.names)),
    ]
    if part.tags:
        pieces.append(safe(f"  {' '.join(part.tags)}", "bold $text-warning"))
    if part.by:
        pieces.append(safe(f"  {part.by}", MUTED))
    return joined(pieces)
