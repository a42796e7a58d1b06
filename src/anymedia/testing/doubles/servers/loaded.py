"""A request to a server that has one model loaded, whatever that one can do."""

from __future__ import annotations

from datetime import date

from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure

FEATURES: dict[Medium, tuple[str, ...]] = {
    "text": (),
    "embedding": ("dimensions",),
    "image": (),
    "speech": (),
    "transcription": ("timestamps",),
}
TASKS: dict[Medium, str] = {
    "text": "text",
    "embedding": "embedding",
    "image": "text_to_image",
    "speech": "speech",
    "transcription": "transcription",
}


def loaded(name: str) -> dict[str, Model]:
    """The one model."""
    return {name: sheet(name, "text")}


def sheet(name: str, medium: Medium) -> Model:
    """The model as something that makes a medium."""
    return Model.model_validate(
        {
            "id": name,
            "provider": "server",
            "medium": medium,
            "tasks": [TASKS[medium]],
            "features": FEATURES[medium],
            "source": "a double",
            "as_of": date(2026, 11, 21),
        }
    )


class Loaded(Asked):
    """A request for the model that is loaded; fields that the server does not know are ignored."""

    def refuse_unknown(self, known: frozenset[str]) -> None:
        """Nothing is refused: such servers log it, and go on."""

    def model(self, medium: Medium, *, unknown: int = 404) -> Model:
        """The model, if it is the one."""
        name = self.text("model")
        if name not in self.models:
            raise Failure(unknown, f"The model `{name}` does not exist.")
        return sheet(name, medium)


class Lenient(Loaded):
    """A request for whatever is loaded: the name is not looked at."""

    def model(self, medium: Medium, *, unknown: int = 404) -> Model:
        """The one there is."""
        return sheet(next(iter(self.models)), medium)
