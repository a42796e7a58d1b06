"""Variables: the environment's, then those of `.env`; secrets also from files (`*_FILE`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

from anymedia.configuration.interpolation import UnfinishedReference, filled_in
from anymedia.configuration.mistakes import Mistakes
from anymedia.configuration.said import Said
from anymedia.contracts.configuration import Layer, Origin

IN_FILE = "_FILE"
MOST_SECRET_BYTES = 64 * 1024


class Variables:
    """What is set, and by whom. Variables that are set to nothing are not set."""

    def __init__(self, environment: Mapping[str, str], directory: Path, mistakes: Mistakes) -> None:
        self._directory = directory
        self._mistakes = mistakes
        self._layers: dict[Layer, Mapping[str, str]] = {
            "environment": environment,
            ".env": read_dotenv(directory / ".env", environment, mistakes),
        }

    def __iter__(self) -> Iterator[str]:
        """Names of everything that is set."""
        for variables in self._layers.values():
            yield from (name for name, value in variables.items() if value)

    def find(self, *names: str) -> Said | None:
        """The first that is set; the environment is asked for all of them before `.env`."""
        for layer, variables in self._layers.items():
            for name in names:
                if value := variables.get(name):
                    return Said(value, Origin(layer=layer, where=name))
        return None

    def find_secret(self, *names: str) -> Said | None:
        """The same, for secrets: a variable with `_FILE` at its end names a file that has it."""
        for layer, variables in self._layers.items():
            for name in names:
                value, file = variables.get(name), variables.get(name + IN_FILE)
                if value and file:
                    self._mistakes.add(
                        (name,), f"is set, and `{name}{IN_FILE}` is set too; keep one of them"
                    )
                if value:
                    return Said(value, Origin(layer=layer, where=name))
                if file:
                    content = self._content(file, name + IN_FILE)
                    return Said(content, Origin(layer=layer, where=name + IN_FILE))
        return None

    def _content(self, file: str, variable: str) -> str:
        try:
            path = self._directory / Path(file).expanduser()
            with path.open("rb") as opened:
                content = opened.read(MOST_SECRET_BYTES + 1)
            if len(content) <= MOST_SECRET_BYTES:
                return content.decode()
            why = "it is too large for a key"
        except OSError as error:
            why = error.strerror or "it cannot be read"
        except UnicodeDecodeError:
            why = "it is not text"
        except RuntimeError:
            why = "there is no home directory for `~`"
        self._mistakes.add((variable,), f"expected the path of a file that holds the key: {why}")
        return ""


def read_dotenv(path: Path, environment: Mapping[str, str], mistakes: Mistakes) -> dict[str, str]:
    """The variables in a `.env` file; none if there is no file.

    A line may refer to the environment and to lines above it. Other programs read the file too,
    so references to what is not set are empty, as they are for them.
    """
    from dotenv.parser import parse_stream

    text = read_text(path, mistakes, optional=True)
    found: dict[str, str] = {}
    for binding in parse_stream(StringIO(text or "")):
        if binding.error:
            mistakes.add((), "expected NAME=value", where=f"{path.name}:{binding.original.line}")
        elif binding.key and binding.value is not None:
            found[binding.key] = resolved(binding.value, {**found, **environment})
    return found


def resolved(text: str, known: Mapping[str, str]) -> str:
    """A value of `.env` with what it refers to."""
    try:
        return filled_in(text, lambda name, default: known.get(name) or default or "")
    except UnfinishedReference:
        return text


def read_text(path: Path, mistakes: Mistakes, *, optional: bool) -> str | None:
    """A configuration file's text, or nothing with a mistake noted."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        if not optional:
            mistakes.add((), "there is no such file", where=str(path))
    except UnicodeDecodeError:
        mistakes.add((), "expected UTF-8 text", where=str(path))
    except OSError as error:
        mistakes.add((), f"cannot be read: {error.strerror}", where=str(path))
    return None
