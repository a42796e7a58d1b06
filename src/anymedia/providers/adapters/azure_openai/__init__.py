"""Azure OpenAI: OpenAI's models under a resource of one's own, each by its deployment's name.

The model that is asked for is the deployment. Those that are called like their model are in the
catalogue; others need `unlisted_models: allow` or an alias.

API: https://learn.microsoft.com/azure/ai-services/openai/reference (the Azure client of PyPI
openai 3.52.0 and PyPI litellm 1.109.1, read 2026-11-21)
"""

from __future__ import annotations

from anymedia.providers.adapters.azure_openai.auth import AzureAccount, located
from anymedia.providers.adapters.azure_openai.failures import AZURE_ERRORS
from anymedia.providers.dialects.openai import embeddings, images, speech, text, transcription
from anymedia.providers.dialects.openai.images import ImageQuirks
from anymedia.providers.dialects.openai.models import check
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.speech import SpeechQuirks
from anymedia.providers.spec import Inputs, Provider

AZURE_OPENAI = Provider(
    name="azure-openai",
    title="Azure OpenAI",
    # Never asked: every resource has an address of its own.
    base_url="https://azure-openai-endpoint.invalid",
    auth=AzureAccount(),
    operations=(
        *text.operations(Quirks(errors=AZURE_ERRORS, state="azure-openai", responses=True)),
        images.operation(ImageQuirks(errors=AZURE_ERRORS)),
        speech.operation(SpeechQuirks(errors=AZURE_ERRORS)),
        transcription.operation(AZURE_ERRORS),
        embeddings.operation(AZURE_ERRORS),
    ),
    explain=AZURE_ERRORS,
    located=located,
    inputs=Inputs(schemes=(), inline_bytes=25 * 1024 * 1024),
    check=check,
    docs="https://learn.microsoft.com/azure/ai-services/openai/",
)
