"""What failures of the chat mean: those of any server, and Mistral's, which stands behind it.

github.com/Ditectrev/Practice-Exams-Platform (lib/ai-providers.ts at b4399b25) asks Mistral's chat.
"""

from __future__ import annotations

from anymedia.contracts.errors import ContentRefused, ModelUnavailable
from anymedia.providers.dialects.openai.errors import SERVER_RULES
from anymedia.providers.explain import ErrorTable, Rule

CHAT_ERRORS = ErrorTable(
    rules=(
        Rule(error=ModelUnavailable, code=("invalid_model", "unknown_model", "1500")),
        # Before a 403 is taken for a refused key.
        Rule(error=ContentRefused, status=403, words=("guardrail", "moderation", "blocked")),
        *SERVER_RULES,
    )
)
