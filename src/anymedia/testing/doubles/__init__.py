"""The doubles, one module each, named after the providers they stand for."""

from __future__ import annotations

from importlib import import_module

from anymedia.testing.double import Double

DOUBLES: dict[str, str] = {
    "anthropic": "anymedia.testing.doubles.anthropic:AnthropicDouble",
    "azure-openai": "anymedia.testing.doubles.azure_openai:AzureOpenAIDouble",
    "bedrock": "anymedia.testing.doubles.bedrock:BedrockDouble",
    "comfyui": "anymedia.testing.doubles.comfyui:ComfyUIDouble",
    "deepseek": "anymedia.testing.doubles.deepseek:DeepSeekDouble",
    "ditectrev": "anymedia.testing.doubles.ditectrev:DitectrevDouble",
    "elevenlabs": "anymedia.testing.doubles.elevenlabs:ElevenLabsDouble",
    "fal": "anymedia.testing.doubles.fal:FalDouble",
    "flux": "anymedia.testing.doubles.flux:FluxDouble",
    "google": "anymedia.testing.doubles.google:GoogleDouble",
    "huggingface": "anymedia.testing.doubles.huggingface:HuggingFaceDouble",
    "ideogram": "anymedia.testing.doubles.ideogram:IdeogramDouble",
    "kling": "anymedia.testing.doubles.kling:KlingDouble",
    "llamacpp": "anymedia.testing.doubles.servers:LlamaCppDouble",
    "localai": "anymedia.testing.doubles.servers:LocalAIDouble",
    "luma": "anymedia.testing.doubles.luma:LumaDouble",
    "luma-dream-machine": "anymedia.testing.doubles.luma:DreamMachineDouble",
    "minimax": "anymedia.testing.doubles.minimax:MiniMaxDouble",
    "mistral": "anymedia.testing.doubles.mistral:MistralDouble",
    "ollama": "anymedia.testing.doubles.servers:OllamaDouble",
    "openai": "anymedia.testing.doubles.openai:OpenAIDouble",
    "openrouter": "anymedia.testing.doubles.openrouter:OpenRouterDouble",
    "pika": "anymedia.testing.doubles.fal:FalDouble",
    "recraft": "anymedia.testing.doubles.recraft:RecraftDouble",
    "replicate": "anymedia.testing.doubles.replicate:ReplicateDouble",
    "runway": "anymedia.testing.doubles.runway:RunwayDouble",
    "seedance": "anymedia.testing.doubles.seedance:SeedanceDouble",
    "stability": "anymedia.testing.doubles.stability:StabilityDouble",
    "vertex": "anymedia.testing.doubles.google:GoogleDouble",
    "vllm": "anymedia.testing.doubles.servers:VllmDouble",
    "vllm-omni": "anymedia.testing.doubles.servers:VllmOmniDouble",
    "wan": "anymedia.testing.doubles.wan:WanDouble",
}


def double(name: str) -> Double:
    """A fresh double by its provider's name; `KeyError` when there is none."""
    module, _, attribute = DOUBLES[name].partition(":")
    made = getattr(import_module(module), attribute)()
    assert isinstance(made, Double)
    return made


double_of = double
"""The same by another name, for where `double` is a module."""
