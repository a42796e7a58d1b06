"""Ditectrev: text for holders of its subscription, once an operator has said where it is.

No public API of Ditectrev's is known (searched 2026-11-21): no address, no endpoints, no prices.
Its exam platform (github.com/Ditectrev/Practice-Exams-Platform, read at b4399b25) asks an
OpenAI-compatible chat with `DITECTREV_AI_KEY`, after it has seen that the user's subscription is
active and of the type `ditectrev`. That is what this does, with addresses that you give; without
them it is not configured and is never asked.
"""

from __future__ import annotations

from anymedia.contracts.text import TextRequest
from anymedia.providers.adapters.ditectrev.account import Subscriber
from anymedia.providers.adapters.ditectrev.chat import exchange
from anymedia.providers.adapters.ditectrev.subscription import check, explain
from anymedia.providers.spec import Call, Inputs, Provider

DITECTREV = Provider(
    name="ditectrev",
    title="Ditectrev",
    # Never asked: there is no public address, so it comes with the credentials.
    base_url="https://ditectrev-base-url.invalid",
    auth=Subscriber(),
    operations=(Call(TextRequest, exchange),),
    explain=explain,
    inputs=Inputs(schemes=()),
    check=check,
    docs="https://github.com/Ditectrev/Practice-Exams-Platform",
)
