"""From the words of a command line to an exit code; whatever happens becomes one clear line."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from cyclopts import App, CycloptsError, UnknownOptionError

from anymedia.cli.app import build, completed
from anymedia.cli.session import DASH, Session
from anymedia.cli.words import safe

if TYPE_CHECKING:
    from anymedia.contracts.errors import GenerationError

DONE, FAILED, WRONG, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 130


def launch(words: Sequence[str], session: Session | None = None) -> int:
    """Run a command; its exit code."""
    if session is None:
        for stream in (sys.stdout, sys.stderr):
            speak_anything(stream)
        session = Session()
    try:
        given = [DASH if word == "-" else word for word in completed(words)]
        code = attempt(build(), given, session)
        session.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has had enough, as `head` does.
        divert(session.stdout)
        return DONE
    return code


def attempt(app: App, words: list[str], session: Session) -> int:
    """Run a command, its failures told."""
    try:
        return run(app, words, session)
    except BrokenPipeError:
        raise
    except CycloptsError as error:
        return misunderstood(error, session)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last resort must not be a traceback
        if "--debug" in words:
            traceback.print_exc(file=session.stderr)
        return told(error, session, as_json="--json" in words)


def run(app: App, words: list[str], session: Session) -> int:
    """Understand the words, and do it. Commands return an exit code, or nothing when done."""
    command, bound, ignored = app.parse_args(words, exit_on_error=False, print_error=False)
    handed: dict[str, Any] = dict.fromkeys(ignored, session)
    result = command(*bound.args, **bound.kwargs, **handed)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    return result if isinstance(result, int) else DONE


def misunderstood(error: CycloptsError, session: Session) -> int:
    """A command line that makes no sense, and where to read how it would."""
    command = " ".join(["anymedia", *(error.command_chain or ())])
    session.tell(f"error: {' '.join(str(error).split())}")
    hint = " What begins with `-` and is no option goes after `--`."
    is_option = isinstance(error, UnknownOptionError)
    session.tell(f"See `{command} --help`.{hint if is_option else ''}")
    return WRONG


def told(error: Exception, session: Session, *, as_json: bool) -> int:
    """A failure for people, and with `--json` for programs."""
    from anymedia.contracts.errors import GenerationError

    if not isinstance(error, GenerationError):
        error = GenerationError(
            f"something unexpected happened inside anymedia ({type(error).__name__}). Run it again "
            f"with `--debug` and report what that shows."
        )
    if as_json:
        session.json({"error": error.problem().model_dump(mode="json")})
    session.tell(f"error: {safe(error.message, lines=True)}")
    for line in next_steps(error):
        session.tell(line)
    return code_of(error)


def next_steps(error: GenerationError) -> list[str]:
    """Where to look, for what became a job."""
    job_id = error.details.get("job_id")
    if job_id is None or str(job_id) in error.message:
        return []
    return [f"`anymedia jobs show {job_id}` tells what happened."]


def code_of(error: GenerationError) -> int:
    """2 where somebody has to mend the request or the set-up, 3 where nobody knows, else 1."""
    from anymedia.contracts import errors

    if isinstance(error, errors.OutcomeUnknown):
        return UNKNOWN
    theirs = (
        errors.InvalidRequest,
        errors.InvalidConfiguration,
        errors.MissingKey,
        errors.StorageFailed,
    )
    if isinstance(error, errors.NoRouteSucceeded) and error.failures:
        return WRONG if all(isinstance(one, theirs) for one in error.failures) else FAILED
    return WRONG if isinstance(error, theirs) else FAILED


def speak_anything(stream: TextIO) -> None:
    """Let a terminal that lacks a letter show another, instead of failing."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


def divert(stream: TextIO) -> None:
    """Let what is still to be flushed at the end go nowhere."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
