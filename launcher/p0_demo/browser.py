"""A browser for programs: it follows a sign-in from the first page to the launcher's callback, as a person would.

    P0_DEMO_USER=ada python -m p0_demo.browser URL
    P0_DEMO_USER=ada BROWSER="python -m p0_demo.browser %s" p0 login

It follows redirects, keeps cookies while it runs, and answers one form: the development provider's question who it
is. It talks to loopback addresses only, prints nothing when all went well, and otherwise one line with exit status 1.
It never runs scripts and never sees a password.
"""

from __future__ import annotations

import os
import shlex
import sys
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

USER_VARIABLE: Final = "P0_DEMO_USER"
"""Names who signs in: a `value` that the form offers."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_STEPS: Final = 20
TIMEOUT_SECONDS: Final = 15.0


class BrowserError(Exception):
    """The sign-in did not reach its end; the text is for a person."""


def browser_command() -> str:
    """The value of BROWSER that makes `webbrowser`, in a child process, open addresses with this module."""
    return f"{shlex.quote(sys.executable)} -P -m p0_demo.browser %s"


def follow(url: str, *, user: str | None) -> None:
    """Go to `url` and on, until a page that leads nowhere. That page must be a success."""
    answered = False
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        response = client.get(_loopback(url))
        for _ in range(MAX_STEPS):
            if response.next_request is not None:
                request = response.next_request
                _loopback(str(request.url))
                response = client.send(request)
            elif response.is_error:
                raise BrowserError(f"{_place(response)} answered {response.status_code}")
            elif not answered and (form := SignInForm.read(response)) is not None:
                response = client.post(_loopback(form.action), data={"user": form.choose(user)})
                answered = True
            else:
                return
    raise BrowserError(f"more than {MAX_STEPS} steps")


class SignInForm(HTMLParser):
    """The page's form that asks which user it is: `<form method="post">` with `<button name="user" value=…>`."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = page
        self.users: list[str] = []

    @classmethod
    def read(cls, response: httpx.Response) -> SignInForm | None:
        """The form of a page, if it has one."""
        if response.headers.get("content-type", "").partition(";")[0].strip() != "text/html":
            return None
        form = cls(str(response.url))
        form.feed(response.text)
        return form if form.users else None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "form":
            self.action = urljoin(self.action, attributes.get("action") or "")
        elif tag == "button" and attributes.get("name") == "user":
            self.users.append(attributes.get("value") or "")

    def choose(self, user: str | None) -> str:
        """The user to be, who must be on offer."""
        if user not in self.users:
            raise BrowserError(f"set {USER_VARIABLE} to one of: {', '.join(self.users)}")
        return user


def _loopback(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise BrowserError(f"not a loopback address: {parts.scheme}://{parts.hostname}")
    return url


def _place(response: httpx.Response) -> str:
    """The page without its query, which may hold a code."""
    return str(response.url.copy_with(query=None))


def main(arguments: list[str]) -> int:
    """The exit status: 0 done, 1 not, 2 for wrong arguments."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m p0_demo.browser URL\n")
        return 2
    try:
        follow(arguments[0], user=os.environ.get(USER_VARIABLE))
    except (BrowserError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        sys.stderr.write(f"p0_demo.browser: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
