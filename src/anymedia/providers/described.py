"""Model inputs described as data: for services that host many models, each with its own words.

A catalogue row says in `settings` what the model's input is called and how it is spelt:

    [model.settings]
    input = { prompt = "prompt", duration_seconds = { name = "duration", form = "text" } }
    always = { output_format = "png" }
    [model.settings.tasks.image_to_video]
    endpoint = "acme/clip/image-to-video"
    input = { first_frame = "image_url" }

`input` leads from our request's field to theirs; a dot in a name leads into an object, a number
into a list. What stands under a task is added to what all tasks share, or overrules it; a field
named in `without` is not part of that task's input.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from anymedia.contracts.errors import InvalidConfiguration, UnknownModel, UnsupportedOption
from anymedia.contracts.media import MediaArtifact, MediaBytes, MediaFile, MediaUrl
from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice, dropped, rounded
from anymedia.contracts.request import MediaRequest
from anymedia.providers.inputs import reference
from anymedia.wire.shape import Shape

AnyRequest: TypeAlias = MediaRequest[Any]
Form: TypeAlias = Callable[[Any, AnyRequest], Any]
MEDIA = (MediaUrl, MediaBytes, MediaFile, MediaArtifact)
NOT_INPUT = frozenset(MediaRequest.model_fields) - {"seed", "count"} | {"mode", "kind"}
"""Request fields that say which model and which task, and are no part of a model's input."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*(/[A-Za-z0-9_][A-Za-z0-9_.:-]*)*")


class Slot(Shape):
    """Where one of our fields goes, and how it is spelt there."""

    name: str
    form: str = "plain"
    words: dict[str, Any] = msgspec.field(default_factory=dict)
    """Our word to theirs; what is not listed goes as it is."""


class Task(Shape):
    """What one kind of work adds."""

    endpoint: str | None = None
    input: dict[str, str | Slot] = msgspec.field(default_factory=dict)
    always: dict[str, Any] = msgspec.field(default_factory=dict)
    without: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    """Fields of which the model has one value only, so that there is nothing to send."""


class Description(Task):
    """A model's input."""

    tasks: dict[str, Task] = msgspec.field(default_factory=dict)

    def of(self, task: str) -> Task:
        """The input of one kind of work, with what all share."""
        own = self.tasks.get(task, Task())
        shared = {name: slot for name, slot in self.input.items() if name not in own.without}
        return Task(
            endpoint=own.endpoint or self.endpoint,
            input={**shared, **own.input},
            always={**self.always, **own.always},
            fixed=(*self.fixed, *own.fixed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How a service's models are spoken to, where their own rows say nothing else."""

    usual: Mapping[str, Description]
    """By medium: what is assumed of a model that no row describes."""
    forms: Mapping[str, Form] = field(default_factory=dict)
    """The service's own spellings, beside the common ones."""

    def spoken(self, request: AnyRequest, model: Model | None) -> Spoken:
        """The request in the model's words."""
        said = description(model, self.usual[request.medium]).of(request.task)
        endpoint = said.endpoint or (model.id if model else request.model) or ""
        if not NAME.fullmatch(endpoint) or ".." in endpoint:
            raise UnknownModel(f"`{endpoint}` is not a model's name; it looks like `owner/name`")
        body: dict[str, Any] = {}
        warnings = left_out(request, said)
        for name, slot in said.input.items():
            value = getattr(request, name, None)
            if stated(name, value):
                where = Slot(name=slot) if isinstance(slot, str) else slot
                spelt = self.spelt(value, where, request)
                if where.form == "numbered":
                    names = (where.name, *(f"{where.name}_{n}" for n in range(2, len(spelt) + 1)))
                    body |= zip(names, spelt, strict=True)
                    continue
                place(body, where.name.split("."), spelt)
                if where.form == "whole" and spelt != value:
                    warnings += (rounded(name, value, spelt),)
        for path, value in said.always.items():
            place(body, path.split("."), value, overwrite=False)
        return Spoken(endpoint=endpoint, body=body, warnings=warnings)

    def spelt(self, value: Any, slot: Slot, request: AnyRequest) -> Any:
        """A value as the slot wants it."""
        form = self.forms.get(slot.form) or FORMS.get(slot.form)
        if form is None:
            raise InvalidConfiguration(
                f"`{slot.form}` is no form of an input; known: "
                f"{', '.join(sorted({*FORMS, *self.forms}))}"
            )
        if slot.words:
            value = slot.words.get(str(value).lower(), value)
        return form(value, request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A request in a model's words."""

    endpoint: str
    body: dict[str, Any]
    warnings: tuple[Notice, ...] = ()


def description(model: Model | None, usual: Description) -> Description:
    """What a model's row says of its input; the usual, if it says nothing."""
    if model is None or not {"input", "tasks", "endpoint"} & set(model.settings):
        return usual
    try:
        found = msgspec.convert(model.settings, type=Description)
    except msgspec.ValidationError as error:
        raise InvalidConfiguration(
            f"`settings` of model `{model.provider}/{model.id}` describes no input: {error}"
        ) from None
    if found.input or any(task.input for task in found.tasks.values()):
        return found
    return msgspec.structs.replace(usual, endpoint=found.endpoint, tasks=found.tasks)


def stated(name: str, value: Any) -> bool:
    """Whether the caller said it."""
    return value is not None and value not in ("", ()) and not (name == "count" and value == 1)


def left_out(request: AnyRequest, said: Task) -> tuple[Notice, ...]:
    """A warning for what has no place in this task's input; media must not be lost quietly."""
    notices = []
    for name in type(request).model_fields:
        value = getattr(request, name)
        known = NOT_INPUT.union(said.input, said.fixed)
        if name in known or not stated(name, value):
            continue
        if isinstance(value, (*MEDIA, tuple)) or name in {"prompt", "text", "count"}:
            raise UnsupportedOption(
                f"`{request.model}` takes no `{name}` when it does {request.task.replace('_', ' ')}"
            )
        why = f"this model does not take it when it does {request.task.replace('_', ' ')}"
        notices.append(dropped(name, why, asked=value))
    return tuple(notices)


# --- spelling -------------------------------------------------------------------------------


def plain(value: Any, _: AnyRequest) -> Any:
    """As JSON has it: media by reference, whole numbers without a point."""
    if isinstance(value, MEDIA):
        return reference(value)
    if isinstance(value, tuple):
        return [reference(one) if isinstance(one, MEDIA) else one for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def only(value: Any, request: AnyRequest) -> Any:
    """The one medium of a field that may hold several."""
    if isinstance(value, tuple):
        if len(value) != 1:
            raise UnsupportedOption(f"`{request.model}` takes one picture, not {len(value)}")
        value = value[0]
    return plain(value, request)


FORMS: Mapping[str, Form] = {
    "plain": plain,
    # Each of several in a field of its own: `image`, `image_2`, `image_3`.
    "numbered": plain,
    "only": only,
    "text": lambda value, request: str(plain(value, request)),
    "seconds": lambda value, request: f"{plain(value, request)}s",
    "language": lambda value, _: str(value).partition("-")[0].lower(),
    "milliseconds": lambda value, _: round(value * 1000),
    "whole": lambda value, _: round(value),
}


def place(
    body: dict[str, Any], path: list[str], value: Any, *, overwrite: bool = True
) -> dict[str, Any]:
    """Put a value where a path leads; objects and lists on the way are made."""
    there: Any = body
    for step, following in zip(path, [*path[1:], None], strict=True):
        index = int(step) if step.isdigit() and isinstance(there, list) else None
        if isinstance(there, list):
            assert index is not None
            there.extend(None for _ in range(index + 1 - len(there)))
        key: Any = step if index is None else index
        known = there[key] if index is not None else there.get(key)
        if following is None:
            if overwrite or known is None:
                there[key] = value
        else:
            if known is None:
                there[key] = [] if following.isdigit() else {}
            there = there[key]
    return body


def merged(body: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the caller's own options, which win; objects are merged one level deep."""
    for name, value in options.items():
        there = body.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            body[name] = {**there, **value}
        else:
            body[name] = value
    return body
