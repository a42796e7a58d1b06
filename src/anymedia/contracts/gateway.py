"""How the gateway listens, whom it lets in, and how much it takes at once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from anymedia.contracts.base import Contract


class GatewaySettings(Contract):
    """`anymedia serve`: what is said in the file and not on the command line."""

    admin_key: SecretStr | None = Field(default=None, min_length=12)
    """May do everything: `ANYMEDIA_ADMIN_KEY`. Twelve characters at least."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    """Where the gateway is reached from outside. Providers call back there."""
    cors_origins: tuple[str, ...] = ()
    """Pages of these origins, such as `https://studio.example`, may use it from a browser."""
    docs: bool = True
    """Whether `/docs` and `/openapi.json` are served."""
    max_body_bytes: int = Field(default=128 * 1024 * 1024, ge=1024)
    """The largest request body."""
    body_seconds: float = Field(default=60.0, gt=0, le=3600)
    """How long a body may take to arrive."""
    max_concurrent: int = Field(default=4000, ge=1, le=1_000_000)
    """Requests under way in one worker; more are refused at once, so that none waits long."""
    max_streams: int = Field(default=3000, ge=1, le=1_000_000)
    """Streams among them; fewer than all, so that slow readers do not keep everybody out."""
    max_delay_seconds: float = Field(default=0.25, ge=0, le=60)
    """How late a worker may be with its work before it refuses more; with 0 it never does."""
    max_connections: int = Field(default=10_000, ge=1, le=1_000_000)
    """Connections of one worker; those beyond are only told how it is. Read at the start."""
    max_head_bytes: int = Field(default=64 * 1024, ge=4096, le=16 * 1024 * 1024)
    """The largest head of a request. Read at the start."""
    max_headers: int = Field(default=100, ge=10, le=10_000)
    """Headers of one request. Read at the start."""
    head_seconds: float = Field(default=15.0, gt=0, le=3600)
    """How long the head of a request may take to arrive. Read at the start."""
    idle_seconds: float = Field(default=75.0, ge=1, le=3600)
    """How long a connection is kept between two requests. Read at the start."""
    send_seconds: float = Field(default=60.0, gt=0, le=3600)
    """How long whoever asked may read nothing of a waiting answer. Read at the start."""
    log_format: Literal["json", "text"] | None = None
    """Say it, and every request, attempt and job has a line in the log: `ANYMEDIA_LOG_FORMAT`.
    Unless said there are warnings only, as sentences. Read at the start."""
    wait_seconds: float = Field(default=30.0, ge=0, le=600)
    """How long media are waited for before the answer is a job; `Prefer: wait=N` says otherwise."""
    drain_seconds: float = Field(default=30.0, ge=0, le=3600)
    """How long requests under way may take to end when the gateway is stopped."""
