"""`anymedia` in a body of any dialect: what requests can say beyond the dialect's own words.

```json
{"model": "fast-clip", "prompt": "a fox", "anymedia": {"max_cost": "0.50", "tags": ["campaign"]}}
```
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from anymedia.contracts.mistakes import valid
from anymedia.contracts.request import Request
from anymedia.gateway.shared.reading import wrong

RequestT = TypeVar("RequestT", bound=Request[Any])
NAME = "anymedia"
OPEN = (frozenset(Request.model_fields) - {"model", "idempotency_key"}) | {
    *("quality", "seed", "negative_prompt", "aspect_ratio", "resolution", "duration_seconds"),
    *("fps", "audio", "style", "language", "top_k"),
}
"""None of these names media or an address."""


def from_form(value: Any) -> Any:
    """The extension out of a form, where everything is text: numbers and the like are meant."""
    if isinstance(value, dict):
        return {name: from_form(one) for name, one in value.items()}
    if isinstance(value, list):
        return [from_form(one) for one in value]
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return value


def built(
    kind: type[RequestT],
    fields: dict[str, Any],
    further: dict[str, Any] | None,
    *,
    names: dict[str, str] | None = None,
) -> RequestT:
    """The request out of what a dialect said (where it said it) and of the extension.

    `names` are the dialect's words for our fields, for telling what is wrong.
    """
    said = {name: value for name, value in fields.items() if value is not None}
    if further:
        closed = [name for name in further if name not in OPEN or name not in kind.model_fields]
        if closed:
            known = ", ".join(sorted(OPEN & kind.model_fields.keys()))
            raise wrong(f"{NAME}.{closed[0][:60]}", f"there is no such field; there are {known}")
        said |= {name: value for name, value in further.items() if name not in said}
        if isinstance(more := further.get("metadata"), dict):
            said["metadata"] = {**said.get("metadata", {}), **more}
    return valid(kind, said, "the request", names=names)
