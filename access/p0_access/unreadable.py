"""What to do about a file that cannot be read, in the same words everywhere. It opens none itself."""

from __future__ import annotations


def hint_for(error: OSError) -> str:
    """For a person who named the file."""
    match error:
        case FileNotFoundError():
            return "Is the name right? A relative one starts in the folder that this is run in"
        case PermissionError():
            return "Whoever runs this must be allowed to read it: ls -l shows who is"
        case IsADirectoryError():
            return "That is a folder: name a file in it"
        case _:
            return "Is it a file, and on a disk that can be read?"
