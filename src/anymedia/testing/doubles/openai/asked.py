"""One request as an endpoint of the double sees it: its fields, its model, its bill."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.providers.catalog import catalogued
from anymedia.testing.doubles.openai.failures import (
    Failure,
    missing_parameter,
    unknown_model,
    unknown_parameter,
)
from anymedia.testing.form import form
from anymedia.wire.http import FormPart

WHOLES = {
    "cached_input_tokens": "input_tokens",
    "input_image_tokens": "input_tokens",
    "input_audio_tokens": "input_tokens",
    "output_image_tokens": "output_tokens",
}


def living(provider: str = "openai") -> dict[str, Model]:
    """The models that the catalogue knows and that were not gone when it was written."""
    return {
        model.id: model
        for model in catalogued(provider)
        if model.lifecycle(model.as_of) != "retired"
    }


@dataclass(frozen=True)
class Asked:
    """A request with what an endpoint needs to answer it."""

    body: bytes
    content_type: str
    models: Mapping[str, Model]
    number: int
    """Of this request at this double; part of every id it hands out."""
    bill: Callable[[str, Decimal], None]
    path: Mapping[str, str] = field(default_factory=dict)
    """What stands in the address."""

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The JSON body, or the plain fields of a form."""
        return self._read()

    def _read(self) -> dict[str, Any]:
        if "multipart/" in self.content_type:
            return self._form_fields()
        try:
            fields = json.loads(self.body)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise Failure(400, "We could not parse the JSON body of your request.")
        return fields

    @cached_property
    def parts(self) -> list[FormPart]:
        """The fields and files of a form."""
        try:
            return form(self.body, self.content_type)
        except ValueError as error:
            raise Failure(400, f"Invalid form: {error}.") from None

    def files(self, *names: str) -> list[FormPart]:
        """The files of a form by the names of their fields."""
        if "multipart/" not in self.content_type:
            return []
        return [part for part in self.parts if part.name in names and part.filename]

    def refuse_unknown(self, known: frozenset[str]) -> None:
        """A field that the endpoint does not have is a mistake."""
        for name in self.fields:
            if name not in known:
                raise unknown_parameter(name)

    def text(self, name: str) -> str:
        """A field that has to be there and to be words."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise missing_parameter(name)
        return value

    def model(self, medium: Medium, *, unknown: int = 404) -> Model:
        """The model that is asked for; `unknown` is the status when there is none."""
        name = self.text("model")
        model = self.models.get(name)
        if model is None or model.medium != medium:
            raise unknown_model(name, status=unknown)
        return model

    def charge(self, identifier: str, model: Model, **amounts: int) -> None:
        """Put it on the invoice. The amounts exclude each other."""
        total = Decimal(0)
        prices = {
            price.unit: price.usd / price.per
            for price in model.prices
            if not price.when and price.above_input_tokens is None
        }
        for unit, amount in amounts.items():
            each = prices.get(unit, prices.get(WHOLES.get(unit, ""), Decimal(0)))
            total += each * amount
        self.bill(identifier, total)

    def _form_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for part in self.parts:
            if part.filename is not None:
                continue
            name, value = part.name, part.content.decode("utf-8", "replace")
            if name.endswith("[]"):
                fields.setdefault(name.removesuffix("[]"), []).append(value)
            else:
                fields[name] = value
        return fields
