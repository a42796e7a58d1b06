"""What failures mean at ComfyUI: a graph that is refused, or a node that breaks while it runs."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderUnavailable,
)
from anymedia.providers.explain import ErrorTable, Rule, Said, said_in
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape

BROKE = "execution_error"
"""How we call a node's failure; it comes inside a 200."""
FILES = (
    "ckpt_name",
    "unet_name",
    "vae_name",
    "lora_name",
    "clip_name",
    "clip_name1",
    "clip_name2",
    "control_net_name",
    "style_model_name",
    "model_name",
)
"""Inputs that name an installed model file."""


class Fault(Shape):
    """One thing that is wrong with a node."""

    type: str | None = None
    message: str | None = None
    extra_info: Any = None


class NodeFaults(Shape):
    """All that is wrong with it."""

    class_type: str | None = None
    errors: tuple[Fault, ...] | None = None


class Refusal(Shape):
    """A graph that was not taken."""

    error: Any = None
    node_errors: Any = None


class ByNode(Shape):
    """The faults of each node, by its id; some builds write an empty list for none."""

    node_errors: dict[str, NodeFaults]


def said(response: HttpResponse) -> Said:
    """The first node's fault where there is one, since it is nearer to the cause.

    `details` are not read: they quote the graph's values, prompts among them.
    """
    refusal = response.read(Refusal)
    general = said_in({"error": refusal.error})
    if not isinstance(refusal.node_errors, dict) or not refusal.node_errors:
        return general
    for node, faults in response.read(ByNode).node_errors.items():
        for fault in faults.errors or ():
            info = fault.extra_info if isinstance(fault.extra_info, dict) else {}
            name = info.get("input_name")
            blamed = name if isinstance(name, str) else ""
            where = f"node {node} ({faults.class_type or 'of unknown class'})"
            return Said(
                message=f"{where}: {fault.message or 'is wrong'}"
                + (f" (`{blamed}`)" if blamed else ""),
                code=fault.type or general.type,
                type=general.type,
                param=blamed,
            )
    return general


explain = ErrorTable(
    (
        *(Rule(error=ModelUnavailable, code="value_not_in_list", param=name) for name in FILES),
        Rule(error=ModelUnavailable, code="missing_node_type"),
        Rule(error=ModelUnavailable, code="invalid_prompt", words="does not exist"),
        # A node's own end. Its words are all there is; those of partners' nodes are unverified.
        Rule(
            error=ContentRefused,
            code=BROKE,
            words=("content policy", "moderation", "moderated", "safety system"),
            accepted="no",
        ),
        Rule(
            error=InsufficientCredits,
            code=BROKE,
            words=("insufficient credits", "payment required"),
            accepted="no",
        ),
        Rule(error=AuthenticationFailed, code=BROKE, words="unauthorized", accepted="no"),
        Rule(
            error=ProviderUnavailable,
            code=BROKE,
            words=("out of memory", "allocation on device"),
            accepted="no",
        ),
        # The same graph would break at the same place again.
        Rule(error=ProviderError, code=BROKE, accepted="no"),
    ),
    reads=said,
)
