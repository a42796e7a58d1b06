"""Running the gateway: one process, or several on one socket under a parent that keeps them alive.

The server is uvicorn with httptools and uvloop. Measured against Granian with the same handler:
less time per request at one connection, as many requests per second at 32, half of the memory; and
it can be told to stop step by step, which draining needs.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from anymedia.contracts.errors import InvalidRequest
from anymedia.engine.burst import Burst
from anymedia.gateway.connection import Connection, rules_of
from anymedia.gateway.crew import MOST_IDLE, Crew
from anymedia.gateway.turned_away import TurnedAway
from anymedia.telemetry.lines import LogFormat, configure
from anymedia.telemetry.wanted import tracing

if TYPE_CHECKING:
    from anymedia.gateway.app import Application, Gateway, Opening

BACKLOG = 2048
GARBAGE = (20_000, 20, 50)
"""How much is made before garbage is looked for. A request leaves none as a rule: looking after every
seven hundredth thing, as by habit, takes a twentieth of the time."""
RESTART_SECONDS = 1.0
"""A worker that died is started again no sooner than this after its last start."""
INTERRUPTED = 130
MARGIN_SECONDS = 20.0
"""How much longer than draining a worker may take to end: jobs finish what they send or fetch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the gateway listens."""

    host: str
    port: int

    @property
    def local(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return is_loopback(self.host)

    @property
    def url(self) -> str:
        """As people type it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


NOTSENT_LOWAT: int | None = getattr(
    socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None
)
MOST_UNSENT_BYTES = 64 * 1024
"""So much the kernel keeps of what a caller does not read; left alone it takes 4 MB for each, and
the gateway's time to fill them."""


def listening(address: Address) -> socket.socket:
    """The socket. `InvalidRequest` when the port is not to be had."""
    if not 0 <= address.port <= 65535:
        raise InvalidRequest("`--port` is a number from 0 to 65535")
    host = address.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, address.port), family=family, backlog=BACKLOG)
        # The loop sets this only on sockets it has made itself; without it an answer in two pieces
        # waits 40 ms for the first to be acknowledged.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if NOTSENT_LOWAT is not None:
            listener.setsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT, MOST_UNSENT_BYTES)
        return listener
    except OSError as error:
        raise InvalidRequest(
            f"cannot listen on {address.url}: {error.strerror or error}. "
            f"Take another `--port`, or 0 for a free one"
        ) from None


class Server(uvicorn.Server):
    """Tells the gateway that it stops before it waits for requests to end."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._ready = ready
        self.stopped_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and tell when requests are answered."""
        await super().startup(sockets)
        if self.started:
            # What stands by now stands to the end: looking through it for garbage again and again
            # would hold up everybody for a tenth of a second, and a tenth of all time.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*GARBAGE)
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; when told again, stop at once."""
        if self.stopped_by is not None:
            self.force_exit = True
            self._gateway.hurry()
            return
        self._gateway.stop()
        self.stopped_by = sig
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop when told to, and have that be a good end: uvicorn would die of the signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(one, self.handle_exit) for one in signals]
        try:
            yield
        finally:
            for one, handler in zip(signals, before, strict=True):
                signal.signal(one, handler)


def serve(listener: socket.socket, opening: Opening, ready: Callable[[], None]) -> int:
    """Serve in this process until told to stop; the exit code."""
    from anymedia.gateway.app import Gateway, application

    raise_open_files()

    async def main() -> int:
        gateway = Gateway(opening, spans=tracing(os.environ))
        configure(gateway.settings.log_format)
        server = Server(configured(application(gateway), gateway), gateway, ready)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, gateway.reload)
        await server.serve(sockets=[listener])
        if not server.started:
            return 1
        return INTERRUPTED if server.stopped_by == signal.SIGINT else 0

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main())


def configured(app: Application, gateway: Gateway) -> uvicorn.Config:
    """The server's settings."""
    reading = partial(
        Connection,
        rules=rules_of(gateway.settings),
        load=gateway.load,
        told=app.door.told,
        burst=Burst(),
        crew=Crew(app.fast_path, most_idle=MOST_IDLE if gateway.observer is None else 0),
        turned_away=TurnedAway(app.door.said, gateway.metrics),
    )
    return uvicorn.Config(
        app.door,
        http=reading,  # type: ignore[arg-type]  # what makes one, as a class does
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=round(gateway.settings.idle_seconds),
        timeout_graceful_shutdown=round(gateway.settings.drain_seconds),
    )


def raise_open_files() -> None:
    """As many connections at once as the system allows, and not as many as it allows by habit."""
    if find_spec("resource") is None:
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The faster event loop, where there is one."""
    if find_spec("uvloop"):
        import uvloop

        return uvloop.new_event_loop
    return None


# --- several workers ------------------------------------------------------------------------


class Workers:
    """The parent of several: starts them, starts those again that die, and stops them together."""

    def __init__(
        self, listener: socket.socket, opening: Opening, count: int, drain_seconds: float
    ) -> None:
        self._listener = listener
        self._opening = opening
        self._count = count
        self._patience = drain_seconds + MARGIN_SECONDS
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[int, tuple[BaseProcess, float]] = {}
        self._stopping = False
        self._stopped_by: int | None = None

    def run(self, ready: Callable[[], None]) -> int:
        """Until told to stop; the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._pass_on)
        with tempfile.TemporaryDirectory(prefix="anymedia-metrics-") as folder:
            # Counters of all workers are added up by way of files here.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
            started = self._context.Semaphore(0)
            for place in range(self._count):
                self._start(place, started)
            if served := self._all_started(started):
                ready()
            else:
                self._stop(signal.SIGTERM, None)
            while not self._stopping:
                self._look(started, folder)
                time.sleep(0.2)
            self._end()
        if not served:
            return 1
        return INTERRUPTED if self._stopped_by == signal.SIGINT else 0

    def _all_started(self, started: object) -> bool:
        for _ in range(self._count):
            while not started.acquire(timeout=0.2):  # type: ignore[attr-defined]  # a semaphore
                if self._stopping or any(not one.is_alive() for one, _ in self._workers.values()):
                    return False
        return True

    def _start(self, place: int, started: object) -> None:
        worker = self._context.Process(
            target=work, args=(self._listener, self._opening, started), name=f"worker-{place}"
        )
        worker.start()
        self._workers[place] = (worker, time.monotonic())

    def _look(self, started: object, folder: str) -> None:
        for place, (worker, since) in list(self._workers.items()):
            if worker.is_alive() or time.monotonic() - since < RESTART_SECONDS:
                continue
            logging.getLogger("anymedia.gateway").error(
                "a worker died (%s) and is started again", worker.exitcode
            )
            forget_gauges(Path(folder), worker.pid)
            self._start(place, started)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping = True
        self._stopped_by = number
        for worker, _since in self._workers.values():
            if worker.is_alive():
                worker.terminate()

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        for worker, _since in self._workers.values():
            if worker.is_alive() and worker.pid is not None:
                os.kill(worker.pid, number)

    def _end(self) -> None:
        deadline = time.monotonic() + self._patience
        for worker, _ in self._workers.values():
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()


def forget_gauges(folder: Path, pid: int | None) -> None:
    """What a dead worker was doing is not being done any more; what it counted stays."""
    for file in folder.glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)


def work(listener: socket.socket, opening: Opening, started: object) -> None:
    """One worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    logged()
    raise SystemExit(serve(listener, opening, started.release))  # type: ignore[attr-defined]  # a semaphore


def logged(form: LogFormat | None = None) -> None:
    """What the operator should know, on stderr: warnings, and never prompts or keys."""
    configure(form)
