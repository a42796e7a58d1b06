"""The ground every contract stands on: frozen, strict about names, cheap to import."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """A value that two parts of the system agree on.

    Frozen, so that it can be shared and kept; unknown fields are refused, so that a
    misspelt option is an error and not a surprise on the invoice. The string under a field is
    its documentation, in JSON Schema and OpenAPI too.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        # Validators are built on first use: importing sixty contracts stays in milliseconds.
        defer_build=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
        allow_inf_nan=False,
    )

    @classmethod
    def model_json_schema(
        cls,
        *arguments: Any,
        **options: Any,
    ) -> dict[str, Any]:
        """The JSON Schema, with the strings under the fields as descriptions."""
        from anymedia.contracts.documentation import documented

        documented(cls)
        return super().model_json_schema(*arguments, **options)
