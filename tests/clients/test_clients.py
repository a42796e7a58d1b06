"""Other people's clients work by changing their base URL, whoever answers.

Every case is a cell of the table in `docs/clients.md`. What the doubles say is known to the letter,
and so is what a client has to get.
"""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from anymedia.contracts.media import sniffed
from anymedia.testing.double import Double
from anymedia.testing.doubles.openai.embeddings import vector
from anymedia.testing.samples import png, wav
from tests.clients.asking import Clients
from tests.clients.matrix import Cell
from tests.clients.rows import cells
from tests.gateway.serving import Running

PROMPT = "Say there and back"
OF_DOUBLES = ["You ", "said: ", "Say ", "there ", "and ", "back"]
OF_ECHO = ["there ", "and ", "back"]
OUTPUT_TOKENS = {
    "openai": 7,
    "anthropic": 31,
    "google": 10,
    "mistral": 7,
    "deepseek": 18,
    "echo": 3,
}
"""As each double counts its answer; with thoughts, where its model has them."""
INPUT_TOKENS = {
    "openai": {5, 12},
    "anthropic": {20},
    "google": {16},
    "mistral": {5},
    "deepseek": {15, 22},
    "echo": {5},
}
"""Some clients send words as a list of parts, which two of the doubles count differently."""
VOICES = {"openai": "coral", "google": "Kore", "mistral": "c69964a6", "echo": "narrator"}


def asked(*operations: str, refused: bool = False) -> pytest.MarkDecorator:
    """The cells of some operations; those of a client go to one process."""
    chosen = [
        pytest.param(cell, id=cell.id, marks=pytest.mark.xdist_group(f"client-{cell.row.client}"))
        for cell in cells()
        if (cell.provider in cell.row.refused) == refused
        and (refused or cell.row.operation in operations)
    ]
    return pytest.mark.parametrize("cell", chosen)


def pieces(provider: str) -> list[str]:
    """What a provider says to the prompt."""
    return OF_ECHO if provider == "echo" else OF_DOUBLES


def counts(cell: Cell, usage: list[int]) -> bool:
    """Whether tokens are those that the provider counted."""
    read, written = usage
    if cell.provider == "openai" and cell.client.language == "OpenAI, responses":
        # There the double counts all of the items, and in them its number of the answer.
        return read in {13, 22} and written in {49, 50, 51}
    return read in INPUT_TOKENS[cell.provider] and written == OUTPUT_TOKENS[cell.provider]


@asked("chat")
def test_a_chat_is_answered(asking: Clients, cell: Cell) -> None:
    """Words, why they ended, who said them, and what they took."""
    got = asking.got(cell, prompt=PROMPT)
    assert got["text"] == "".join(pieces(cell.provider))
    assert got["finish"] == cell.client.finish
    assert got["model"].startswith(cell.model)
    assert counts(cell, got["usage"]), got["usage"]


@asked("stream")
def test_an_answer_comes_piece_by_piece(asking: Clients, cell: Cell) -> None:
    """In order, as the provider sent them, and with what they took."""
    got = asking.got(cell, prompt=PROMPT)
    said = pieces(cell.provider)
    assert got["pieces"] == (said if cell.client.shows_pieces else ["".join(said)])
    assert counts(cell, got["usage"]), got["usage"]


@asked("tools")
def test_a_tool_is_called_and_what_it_says_is_heard(asking: Clients, cell: Cell) -> None:
    """The name, the arguments, and after the tool's answer words about it."""
    got = asking.got(cell, prompt="What is the weather in Oslo?")
    city, says = ("Oslo", "The tool says") if cell.provider == "echo" else ("word", "You said")
    assert got["calls"] == [["weather", {"city": city}]]
    assert got["text"] == f"{says}: 8 degrees in {city}"


@asked("structured")
def test_an_answer_is_an_object_of_its_schema(asking: Clients, cell: Cell) -> None:
    """With the fields that the provider filled in."""
    got = asking.got(cell, prompt="A city")
    invented = {"name": "city", "people": 1} if cell.provider == "echo" else None
    assert got == (invented or {"name": "word", "people": 7})


@asked(refused=True)
def test_what_a_provider_cannot_do_is_refused_in_words(
    asking: Clients, cell: Cell, doubles: dict[str, Double]
) -> None:
    """Which the client passes on to who uses it; the provider hears nothing of it."""
    heard = len(doubles[cell.provider].record.requests)
    told = asking.raised(cell, prompt="A city")
    assert f"`{cell.model}` does not take structured output" in told
    assert len(doubles[cell.provider].record.requests) == heard


@asked("embedding")
def test_texts_become_vectors(asking: Clients, cell: Cell) -> None:
    """Each its own, in order, with the provider's numbers."""
    first, second = asking.got(cell, texts=["a", "b"])["vectors"]
    match cell.provider:
        case "openai":
            expected = (vector("a", 1536), vector("b", 1536))
        case "google":
            expected = ([1 / 7, 2 / 7, 3 / 7, 4 / 7],) * 2
        case "mistral":
            expected = ([0.5, 0.0], [0.5, 1.0])
        case _:
            expected = (first, second)
            assert first != second
            assert sum(one * one for one in first) == pytest.approx(1)
    assert first == pytest.approx(expected[0], abs=1e-6)
    assert second == pytest.approx(expected[1], abs=1e-6)


@asked("image")
def test_a_picture_is_drawn(asking: Clients, cell: Cell) -> None:
    """Its bytes, in the provider's usual size."""
    (picture,) = asking.got(cell, prompt="a fox in snow")["images"]
    assert size(picture) == (1024, 1024)


@asked("edit")
def test_a_picture_is_edited(asking: Clients, cell: Cell) -> None:
    """`echo` keeps its size; Gemini has one of its own."""
    picture = base64.b64encode(png(64, 64)).decode()
    (edited,) = asking.got(cell, prompt="a hat on the fox", picture=picture)["images"]
    assert size(edited) == ((64, 64) if cell.provider == "echo" else (1024, 1024))


@asked("speech")
def test_words_are_spoken(asking: Clients, cell: Cell) -> None:
    """In the form that was asked for."""
    form = "mp3" if cell.provider == "mistral" else "wav"
    got = asking.got(cell, text="Good morning.", voice=VOICES[cell.provider], form=form)
    kind = {"mp3": "audio/mpeg", "wav": "audio/wav"}[form]
    assert sniffed(base64.b64decode(got["sound"])) == kind


@asked("transcription")
def test_speech_is_written_down(asking: Clients, cell: Cell, gateway: Running) -> None:
    """What each double hears in everything; `echo` hears what was said, if it said it."""
    sound = wav(1)
    if cell.provider == "echo":
        body = {"model": "echo/voice", "input": "Good morning.", "response_format": "wav"}
        with gateway.caller() as caller:
            sound = caller.post("/v1/audio/speech", json=body).content
    heard = {"openai": "This is what was said.", "echo": "Good morning."}
    got: dict[str, Any] = asking.got(cell, sound=base64.b64encode(sound).decode())
    assert got["text"] == heard.get(cell.provider, "Hello there.")


@asked("video")
def test_a_clip_is_made(asking: Clients, cell: Cell) -> None:
    """Asked for, waited for, fetched."""
    got = asking.got(cell, prompt="a fox running through snow")
    assert got["model"].startswith(cell.model)
    assert sniffed(base64.b64decode(got["video"])) == "video/mp4"


def size(picture: str) -> tuple[int, int]:
    """The width and height of a PNG in base64."""
    data = base64.b64decode(picture)
    assert sniffed(data) == "image/png"
    width, height = struct.unpack(">II", data[16:24])
    return width, height
