"""What can be done with the draft as a whole: take back an earlier one, open and save files. What it replaces is kept
among the recent drafts, and `^Z` brings its text back, too."""

from __future__ import annotations

from textual import work
from textual.containers import Container

from p0_access.errors import P0Error
from p0_tui.backend import Draft
from p0_tui.drafts import Drafts
from p0_tui.modes.messages import Failed, Tell
from p0_tui.query_files import read_query, write_query
from p0_tui.safe import safe
from p0_tui.screens.ask_path import AskPathScreen
from p0_tui.screens.confirm import ConfirmScreen
from p0_tui.screens.recent import RecentScreen
from p0_tui.widgets.editor import Editor


class DraftActions(Container):
    """The base of the mode that holds the draft."""

    def __init__(self, drafts: Drafts, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._drafts = drafts
        self._recent = -1
        self._path = ""

    def draft(self) -> Draft:
        """What stands in the editor, the reason and the terms now."""
        raise NotImplementedError

    def fill(self, draft: Draft) -> None:
        """Puts `draft` there."""
        raise NotImplementedError

    def load(self, draft: Draft) -> None:
        """Puts `draft` where it can be changed and submitted; what was there is kept."""
        before = self.draft()
        if before != draft:
            self._drafts.keep(before)
        self.fill(draft)

    def recall(self, step: int) -> None:
        """The next older (1) or newer (-1) of the recent drafts."""
        if not self._drafts.recent:
            self.post_message(Tell(safe("No recent drafts yet.")))
            return
        if self._recent < 0:
            written = self.draft()
            self._drafts.keep(written)
            self._recent = 0 if written in self._drafts.recent else -1
        self._recent = max(0, min(self._recent + step, len(self._drafts.recent) - 1))
        self.fill(self._drafts.recent[self._recent])

    @work(exclusive=True, group="files")
    async def choose_recent(self) -> None:
        draft = await self.app.push_screen_wait(RecentScreen(self._drafts.recent))
        if draft is not None:
            self.load(draft)

    @work(exclusive=True, group="files")
    async def open_file(self) -> None:
        path = await self.app.push_screen_wait(AskPathScreen(safe("Open a file of SQL", "bold"), path=self._path))
        if path is None:
            return
        try:
            sql = read_query(path)
        except P0Error as error:
            self.post_message(Failed(error))
            return
        self._path = str(path)
        self._drafts.keep(self.draft())
        self.query_one(Editor).replace_all(sql)
        self.post_message(Tell(safe(f"Opened {path}. ^Z takes it back.")))

    @work(exclusive=True, group="files")
    async def save_file(self) -> None:
        path = await self.app.push_screen_wait(AskPathScreen(safe("Save the SQL as", "bold"), path=self._path))
        if path is None:
            return
        question = safe(f"{path} is there already.", "bold")
        if path.exists() and not await self.app.push_screen_wait(ConfirmScreen(question, "replaces it")):
            return
        try:
            write_query(path, self.query_one(Editor).text)
        except P0Error as error:
            self.post_message(Failed(error))
        else:
            self._path = str(path)
            self.post_message(Tell(safe(f"Saved as {path}.")))
