"""The doubles, one module each, named after the providers they stand for."""

from __future__ import annotations

from importlib import import_module

from anymedia.testing.double import Double

DOUBLES: dict[str, str] = {
    "anthropic": "anymedia.testing.doubles.anthropic:AnthropicDouble",
    "comfyui": "anymedia.testing.doubles.comfyui:ComfyUIDouble",
    "elevenlabs": "anymedia.testing.doubles.elevenlabs:ElevenLabsDouble",
    "fal": "anymedia.testing.doubles.fal:FalDouble",
    "google": "anymedia.testing.doubles.google:GoogleDouble",
    "huggingface": "anymedia.testing.doubles.huggingface:HuggingFaceDouble",
    "ideogram": "anymedia.testing.doubles.ideogram:IdeogramDouble",
    "luma": "anymedia.testing.doubles.luma:LumaDouble",
    "luma-dream-machine": "anymedia.testing.doubles.luma:DreamMachineDouble",
    "mistral": "anymedia.testing.doubles.mistral:MistralDouble",
    "openai": "anymedia.testing.doubles.openai:OpenAIDouble",
    "openrouter": "anymedia.testing.doubles.openrouter:OpenRouterDouble",
    "pika": "anymedia.testing.doubles.fal:FalDouble",
    "recraft": "anymedia.testing.doubles.recraft:RecraftDouble",
    "replicate": "anymedia.testing.doubles.replicate:ReplicateDouble",
    "runway": "anymedia.testing.doubles.runway:RunwayDouble",
    "stability": "anymedia.testing.doubles.stability:StabilityDouble",
    "vertex": "anymedia.testing.doubles.google:GoogleDouble",
}


def double(name: str) -> Double:
    """A fresh double by its provider's name; `KeyError` when there is none."""
    module, _, attribute = DOUBLES[name].partition(":")
    made = getattr(import_module(module), attribute)()
    assert isinstance(made, Double)
    return made


double_of = double
"""The same by another name, for where `double` is a module."""
