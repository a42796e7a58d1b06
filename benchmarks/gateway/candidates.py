"""Who is compared: how each is started, and how it is asked for the same three things."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from time import perf_counter

from anymedia import __version__
from anymedia.bench import gateway
from anymedia.bench.gateway import PATH, question
from anymedia.bench.plan import Ask
from anymedia.bench.processes import running
from anymedia.bench.upstream import MODEL
from benchmarks.gateway import nginx
from benchmarks.gateway.tools import Missing, free_port

KINDS = ("chat", "stream", "paced")
"""A whole answer; a stream as fast as it is taken; one of a few events a second."""
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One of them, ready to be asked."""

    pid: int
    ready_seconds: float
    asks: Mapping[str, Ask]
    """By kind. Empty for who is embedded: that one is told to ask by itself."""
    process: Popen[str] | None = None
    """Of who is embedded, to talk to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody is started: a folder of its own, cores, and who answers behind it."""

    folder: Path
    on: frozenset[int]
    provider: int
    """The port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One who is compared."""

    name: str
    title: str
    version: str
    start: Callable[[Place], AbstractContextManager[Started]]
    embedded: bool = False
    """Whether it is called in its own process, without HTTP before it."""


def told(port: int, model: str = MODEL, headers: Mapping[str, str] | None = None) -> dict[str, Ask]:
    """How somebody is asked who tells the three kinds apart by the model's name."""
    return {
        kind: Ask(
            port=port,
            path=PATH,
            body=question(model.format(kind=kind), stream=kind != "chat"),
            headers=dict(headers or {}),
        )
        for kind in KINDS
    }


def direct(port: int) -> dict[str, Ask]:
    """How the provider itself, or a plain proxy before it, is asked."""
    return {
        kind: Ask(port=port, path=f"/{kind}{PATH}", body=question(MODEL, stream=kind != "chat"))
        for kind in KINDS
    }


# --- ours -----------------------------------------------------------------------------------


@contextmanager
def start_ours(place: Place) -> Iterator[Started]:
    """Our gateway, with everything on."""
    far_ends = {kind: f"http://127.0.0.1:{place.provider}/{kind}/v1" for kind in KINDS}
    with gateway.serving(place.folder, far_ends, on=place.on) as served:
        yield Started(
            pid=served.process.pid,
            ready_seconds=served.ready_seconds,
            asks={kind: served.ask(kind, stream=kind != "chat") for kind in KINDS},
        )


@contextmanager
def start_nginx(place: Place) -> Iterator[Started]:
    """Nginx as a plain reverse proxy: it reads nothing of what passes."""
    port = free_port()
    text = nginx.proxy(place.folder, port, place.provider)
    began = perf_counter()
    with running(nginx.command(place.folder, text), on=place.on, talks=False) as process:
        nginx.until_open(port, process, nginx.START_SECONDS, place.folder / "errors")
        yield Started(pid=process.pid, ready_seconds=perf_counter() - began, asks=direct(port))


OURS = Candidate(name="anymedia", title="anymedia", version=__version__, start=start_ours)
NGINX = Candidate(name="nginx", title="nginx (the limit)", version="", start=start_nginx)


# --- others ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Somebody else's gateway, installed in an environment of its own."""

    name: str
    title: str
    variable: str
    """The environment variable that says where it is installed."""
    install: str
    """How to do that."""
    needs: str
    """A file that is there when it is installed, below that folder."""
    version: Callable[[Path], str]
    start: Callable[[Path, Place], AbstractContextManager[Started]]
    embedded: bool = False

    def candidate(self, environment: Mapping[str, str]) -> Candidate:
        """As somebody who is compared. `Missing` says how to install it."""
        folder = environment.get(self.variable, "")
        if not folder:
            raise Missing(f"set `{self.variable}` to where it is installed ({self.install})")
        home = Path(folder).absolute()
        if not (home / self.needs).exists():
            raise Missing(
                f"`{self.variable}` is {folder}, where `{self.needs}` is not ({self.install})"
            )
        return Candidate(
            name=self.name,
            title=self.title,
            version=self.version(home),
            start=lambda place: self.start(home, place),
            embedded=self.embedded,
        )


def distribution(name: str) -> Callable[[Path], str]:
    """The version of a Python distribution in a virtual environment."""

    def found(home: Path) -> str:
        names = home.glob(f"lib/python*/site-packages/{name}-*.dist-info")
        return next((one.name.split("-")[1].removesuffix(".dist") for one in names), "")

    return found


def quiet(folder: Path, programs: Path | None, **more: str) -> dict[str, str]:
    """An environment without anybody's keys."""
    path = os.environ.get("PATH", os.defpath)
    if programs is not None:
        path = f"{programs}{os.pathsep}{path}"
    return {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", **more}


@contextmanager
def opened(
    command: list[str], place: Place, port: int, environment: Mapping[str, str]
) -> Iterator[tuple[int, float]]:
    """Started, and how many seconds it took until somebody listened."""
    log, began = place.folder / "log", perf_counter()
    with running(
        command,
        on=place.on,
        environment=environment,
        directory=place.folder,
        log=log,
        talks=False,
    ) as process:
        nginx.until_open(port, process, START_SECONDS, log)
        yield process.pid, perf_counter() - began
