"""What modes tell the work screen."""

from __future__ import annotations

from textual.content import Content
from textual.message import Message

from p0_access.errors import P0Error
from p0_access.messages.views import RequestSummary, RequestView
from p0_tui.backend import Draft
from p0_tui.safe import joined, safe


class Tell(Message):
    """A line for the person, as a toast."""

    def __init__(self, content: Content, *, bad: bool = False) -> None:
        super().__init__()
        self.content = content
        self.bad = bad


class Failed(Message):
    """Something behind the backend did not work."""

    def __init__(self, error: P0Error) -> None:
        super().__init__()
        self.error = error


class Decided(Message):
    """The wait for a request is over, as `text` says: somebody who looks elsewhere is called."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class OpenPsql(Message):
    """psql is wanted on the access of `rid`."""

    def __init__(self, rid: str) -> None:
        super().__init__()
        self.rid = rid


class ListsChanged(Message):
    """Something was done that the lists should show."""


class EndWanted(Message):
    """Somebody's access, request, allowance or delegation is to end now."""

    def __init__(self, request: RequestSummary) -> None:
        super().__init__()
        self.request = request


class DatabaseWanted(Message):
    """Another database is to be worked with."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class CopyWanted(Message):
    """`text` is for the clipboard."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class EditWanted(Message):
    """`draft` is to be changed and asked for again."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft


class Extended(Message):
    """An open access lasts longer than it did."""

    def __init__(self, view: RequestView) -> None:
        super().__init__()
        self.view = view


def error_content(error: P0Error) -> Content:
    """What happened, and what to do about it."""
    return joined((safe(str(error)), safe(f" ({error.hint})" if error.hint else "")))


def failed_at(what: str, error: P0Error) -> Message:
    """`what` did not work, or nobody answered and it may have."""
    if signed_out(error):
        return Failed(error)
    outcome = "may not have worked" if unanswered(error) else "did not work"
    return Tell(joined((safe(f"{what} {outcome}: "), error_content(error))), bad=True)


def unanswered(error: P0Error) -> bool:
    """Whether nobody answered, so that what was sent may have arrived all the same."""
    from p0_launcher.errors import UnavailableError

    return isinstance(error, UnavailableError)


def signed_out(error: P0Error) -> bool:
    """Whether signing in again is what would help."""
    from p0_launcher.errors import NotSignedInError

    return isinstance(error, NotSignedInError)
