"""nginx, as the provider that everybody asks and as the plain proxy that shows what is possible.

The provider answers at once and always the same: at `/chat/` a whole answer, at `/stream/` one in
pieces, as fast as they are taken, at `/paced/` five pieces a second, at `/long/` one that never
seems to end. Each piece is an event, written by itself in a chunk of its own, as providers do.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from time import monotonic, sleep

from anymedia.bench.processes import running
from anymedia.bench.upstream import chat, events
from benchmarks.gateway.tools import FILES, free_port, program

PIECES = 200
PACED_PER_SECOND = 5
PACED_PIECES = 5_000
LONG_PIECES = 50_000
START_SECONDS = 10.0

COMMON = """\
{user}
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/errors;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  scgi_temp_path {folder}/scgi;
  uwsgi_temp_path {folder}/uwsgi;
"""
# What is sent and not taken counts for all connections of the machine together. Left to itself it
# would be megabytes for each stream, and where thousands are taken slowly nobody else gets through.
PROVIDER = """\
  server {{
    listen 127.0.0.1:{port} backlog=8192 sndbuf=128k;
    location / {{ default_type application/json; return 200 '{answer}'; }}
"""
# A POST is not allowed for a file, which is how it becomes a GET of one. `ssi` makes nginx write
# chunks: it cannot know the length any more. The file is read event by event.
STREAM = """\
    location /{name}/ {{ error_page 405 =200 /of/{name}; return 405; }}
    location = /of/{name} {{
      internal;
      alias {folder}/{name}.events;
      default_type text/event-stream;
      sendfile off;
      output_buffers 1 {size};
      postpone_output 0;
      ssi on;
      ssi_types text/event-stream;
      {more}
    }}
"""
PROXY = """\
  upstream provider {{ server 127.0.0.1:{provider}; keepalive 256; }}
  server {{
    listen 127.0.0.1:{port} backlog=8192;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
"""


def padded(pieces: int) -> tuple[bytes, int]:
    """The events of a stream, all but the last of the same length, and that length."""
    all_events = events(pieces)
    size = max(map(len, all_events))
    # Space between the object and the end of its line means nothing to who reads it.
    same = (one[:-2].ljust(size - 2) + b"\n\n" for one in all_events[:-1])
    return b"".join((*same, all_events[-1])), size


def common(folder: Path) -> str:
    """What both have in common."""
    # Started by root it would serve files as somebody else, who may not look into the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    return COMMON.format(user=user, folder=folder, files=FILES, connections=FILES // 2)


def provider(folder: Path, port: int) -> str:
    """The configuration of the one that answers."""
    streams = []
    kinds = {"stream": PIECES, "paced": PACED_PIECES, "long": LONG_PIECES}
    for name, pieces in kinds.items():
        content, size = padded(pieces)
        (folder / f"{name}.events").write_bytes(content)
        more = f"limit_rate {PACED_PER_SECOND * size};" if name == "paced" else ""
        streams.append(STREAM.format(name=name, folder=folder, size=size, more=more))
    answer = chat().decode().replace("'", "\\'")
    return (
        common(folder) + PROVIDER.format(port=port, answer=answer) + "".join(streams) + "  }\n}\n"
    )


def proxy(folder: Path, port: int, behind: int) -> str:
    """The configuration of a plain reverse proxy before it."""
    return common(folder) + PROXY.format(port=port, provider=behind) + "}\n"


def command(folder: Path, text: str) -> list[str]:
    """Write a configuration, and how to start nginx with it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(text)
    return [program("nginx"), "-p", str(folder), "-c", str(file), "-e", str(folder / "errors")]


@contextmanager
def providing(folder: Path, on: frozenset[int]) -> Iterator[int]:
    """The provider while the block runs; its port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with running(command(folder, provider(folder, port)), on=on, talks=False) as process:
        until_open(port, process, START_SECONDS, folder / "errors")
        yield port


def until_open(port: int, process: Popen[str], seconds: float, log: Path) -> None:
    """Wait until somebody listens. `RuntimeError` with the last words of a process that does not."""
    ends = monotonic() + seconds
    while monotonic() < ends and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            sleep(0.002)
        else:
            return
    words = log.read_text(errors="replace")[-1500:].strip() if log.exists() else ""
    raise RuntimeError(f"nobody listens on port {port} after {seconds:g} s. {words}")
