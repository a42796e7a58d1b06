"""`anymedia migrate`: an envelope of an older schema version, as the current one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from anymedia.cli.options import Run
from anymedia.cli.session import DASH
from anymedia.contracts.envelope import CURRENT, migrate as moved
from anymedia.contracts.errors import InvalidRequest, UnreadableInput

if TYPE_CHECKING:
    from anymedia.cli.session import Session


def migrate(
    file: Annotated[str, Parameter(name="FILE", help="A JSON file; `-` reads stdin.")],
    /,
    *,
    to: Annotated[str, Parameter(help="The version to bring it to.")] = CURRENT,
    session: Run,
) -> None:
    """Bring an envelope, a request or a response, to the current version, on stdout."""
    session.json(moved(document(file, session), to_version=to))


def document(file: str, session: Session) -> Any:
    """The JSON in a file. `InvalidRequest` says where it is none."""
    name = "stdin" if file == DASH else file
    try:
        text = session.stdin.read() if file == DASH else read(session.directory / file)
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"`{name}` is not JSON: {error.msg} at {where}") from None
    except UnicodeDecodeError:
        raise UnreadableInput(f"`{name}` is not text in UTF-8") from None
    except RecursionError:
        raise InvalidRequest(f"`{name}` is nested too deeply") from None


def read(path: Path) -> str:
    """A file's text."""
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UnreadableInput(f"`{path}` cannot be read: {error.strerror}") from None
