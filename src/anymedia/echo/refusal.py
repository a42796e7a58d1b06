"""What echo answers when it does not do what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module


class Refusal(Exception):
    """A failed answer: status, code and words."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def invalid(message: str) -> Refusal:
    """The request cannot be right as it is."""
    return Refusal(400, "invalid_request", message)


def no_such(what: str) -> Refusal:
    """It is not here."""
    return Refusal(404, "not_found", f"there is no such {what}")


def need(what: str, *modules: str) -> None:
    """Make sure that optional packages are here, or answer what to install."""
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise Refusal(
                501,
                "extra_missing",
                f"echo needs `{error.name or module}` for {what}: install `anymedia[echo]`",
            ) from None
