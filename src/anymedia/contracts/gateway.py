"""How the gateway listens, whom it lets in, and how much it takes at once."""

from __future__ import annotations

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
    max_concurrent: int = Field(default=2000, ge=1, le=1_000_000)
    """Requests under way in one worker; more are refused at once, so that none waits long."""
    wait_seconds: float = Field(default=30.0, ge=0, le=600)
    """How long media are waited for before the answer is a job; `Prefer: wait=N` says otherwise."""
    drain_seconds: float = Field(default=30.0, ge=0, le=3600)
    """How long requests under way may take to end when the gateway is stopped."""
