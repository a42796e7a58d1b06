"""`anymedia completion`: what a shell needs to complete our commands."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from anymedia.cli.options import Run


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="Which shell.")],
    /,
    *,
    session: Run,
) -> None:
    """Print a shell's completion script; `source <(anymedia completion bash)` uses it."""
    from anymedia.cli.app import build

    session.print(build().generate_completion(shell=shell))
