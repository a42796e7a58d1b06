"""What holds for every contract: frozen, strict about names, explained, cheap, thread-safe."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

import anymedia.contracts
from anymedia.contracts.base import Contract
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.mistakes import LONGEST_LIST, valid
from anymedia.contracts.notice import dropped, imitated, rounded
from anymedia.contracts.text import TextRequest


def every_contract() -> list[type[Contract]]:
    """All of them, by looking."""
    found: dict[str, type[Contract]] = {}
    for module in pkgutil.walk_packages(anymedia.contracts.__path__, "anymedia.contracts."):
        for value in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(value) and issubclass(value, Contract):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return [found[name] for name in sorted(found)]


ALL = every_contract()


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.__qualname__)
def test_every_contract_is_frozen_and_refuses_unknown_fields(contract: type[Contract]) -> None:
    """A misspelt option is an error and not a surprise on the invoice."""
    assert contract.model_config["frozen"] is True
    with pytest.raises(ValidationError) as caught:
        contract.model_validate({"surprise": 1})
    assert "extra_forbidden" in {each["type"] for each in caught.value.errors()}


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.__qualname__)
def test_every_contract_has_a_schema_and_says_what_it_is_for(contract: type[Contract]) -> None:
    """For OpenAPI, and for people."""
    assert contract.model_json_schema()["additionalProperties"] is False
    assert inspect.getdoc(contract)


def test_a_contract_cannot_be_changed() -> None:
    """So that it can be shared and kept."""
    request = TextRequest.model_validate({"prompt": "hi"})

    with pytest.raises(ValidationError, match="frozen"):
        request.model = "other"  # type: ignore[misc] # what a careless caller writes


class Inner(Contract):
    """Something inside."""

    words: str = ""
    """What it says."""


class Middle(Contract):
    """Something around it."""

    inner: tuple[Inner, ...] = ()
    """The insides."""


class Outer(Contract):
    """Something around that."""

    middle: Middle | None = None


def test_descriptions_do_not_depend_on_what_was_used_before() -> None:
    """A contract that was built before its parts were explained is explained all the same."""
    Outer.model_validate({"middle": {"inner": [{"words": "x"}]}})
    Inner.model_json_schema()
    schema = Outer.model_json_schema()

    assert schema["$defs"]["Inner"]["properties"]["words"]["description"] == "What it says."
    assert schema["$defs"]["Middle"]["properties"]["inner"]["description"] == "The insides."
    assert Outer.model_validate({"middle": {"inner": [{"words": "x"}]}}).middle is not None


def fresh() -> type[Any]:
    """A contract that nobody has used yet."""

    class Fresh(Contract):
        """New each time."""

        inner: Middle | None = None
        number: int = 0

    return Fresh


def failures_of_threads(use: Callable[[], None], count: int = 8) -> list[BaseException]:
    """What went wrong when so many threads did the same at the same moment."""
    failures: list[BaseException] = []
    start = threading.Barrier(count)

    def run() -> None:
        start.wait()
        try:
            use()
        except BaseException as error:  # noqa: BLE001 - a thread's failure would be lost
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_a_contract_can_be_used_first_by_many_threads_at_once() -> None:
    """Validators are built on first use, which may be anybody's."""
    for _ in range(20):
        kind = fresh()

        def use(kind: type[Any] = kind) -> None:
            assert kind(number=3).model_dump() == {"inner": None, "number": 3}
            assert kind.model_validate_json('{"number": 4}').number == 4

        assert failures_of_threads(use) == []


def test_contracts_bring_no_network_and_no_event_loop() -> None:
    """Nothing here waits, so nothing that waits is imported."""
    heavy = "{'asyncio', 'ssl', 'http.client', 'pyreqwest', 'sqlalchemy', 'anymedia.engine'}"
    script = f"import sys, anymedia.contracts.envelope; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


# --- mistakes -----------------------------------------------------------------------------------


def test_a_mistake_is_told_once_for_all_faces() -> None:
    """Path, what was expected, the next step; and never the value."""
    with pytest.raises(InvalidRequest) as caught:
        valid(TextRequest, {"prompt": "a secret", "temprature": 1, "seed": "secret"}, "the request")

    message = str(caught.value)
    assert message.startswith("the request is not valid: ")
    assert "`temprature`: there is no such field; did you mean `temperature`?" in message
    assert "`seed`: should be a valid integer" in message
    assert message.endswith("Mend that and send it again.")
    assert "secret" not in message


def test_very_many_mistakes_are_counted() -> None:
    """Nobody reads a thousand."""
    with pytest.raises(InvalidRequest) as caught:
        valid(TextRequest, {f"x{n}": 1 for n in range(1000)} | {"prompt": "hi"}, "the request")

    assert str(caught.value).count("there is no such field") == LONGEST_LIST
    assert f"and {1000 - LONGEST_LIST} more" in str(caught.value)


def test_names_in_messages_are_fit_for_a_terminal() -> None:
    """Whatever a caller calls its fields."""
    with pytest.raises(InvalidRequest) as caught:
        valid(TextRequest, {"prompt": "hi", "\x1b[31m\ud800" + "x" * 999: 1}, "the request")

    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value).encode()) < 300


# --- notices ------------------------------------------------------------------------------------


def test_notices_say_what_was_asked_and_what_was_given() -> None:
    """For programs and for people."""
    assert dropped("seed", "this model has none", 3).asked == "3"
    assert dropped("seed", "this model has none").asked is None
    assert "was asked as 7 and sent as 8" in rounded("duration_seconds", 7, 8).message
    assert rounded("fps", 25, 24, "only 24").message.endswith(": only 24")
    assert imitated("negative_prompt", "added to the prompt").code == "option-imitated"
