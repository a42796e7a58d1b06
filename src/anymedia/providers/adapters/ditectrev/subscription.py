"""Whether the subscription allows it: asked before anything that costs.

The checking service is the operator's own, as Ditectrev publishes none. It answers a GET with
`{"type": "ditectrev", "status": "active"}`; 401 means that it does not know who asks, 402, 403 and
404 that there is no such subscription.
"""

from __future__ import annotations

from anymedia.contracts.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    ProviderError,
    ProviderUnavailable,
    UnreadableResponse,
)
from anymedia.providers.adapters.ditectrev.account import SUBSCRIPTION
from anymedia.providers.adapters.ditectrev.errors import CHAT_ERRORS
from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, get
from anymedia.wire.shape import Shape

KIND = "ditectrev"
ACTIVE = frozenset({"active", "trialing"})
NONE = frozenset({402, 403, 404})


class SubscriptionRequired(InsufficientCredits):
    """There is no subscription, or it does not include this."""


class SubscriptionInactive(InsufficientCredits):
    """The subscription has ended, or waits for payment."""


class SubscriberUnknown(AuthenticationFailed):
    """The checking service does not know who asks."""


class SubscriptionUnchecked(ProviderUnavailable):
    """Nobody could say whether there is a subscription; nothing was asked for."""


class Subscription(Shape):
    """What the checking service tells."""

    type: str | None = None
    status: str | None = None


def subscribed() -> Exchange[Subscription]:
    """The subscription, if it allows this. Raises why it does not."""
    response = yield get(SUBSCRIPTION, allow=frozenset(range(400, 600)))
    raise_unsubscribed(response)
    try:
        found = response.read(Subscription)
    except UnreadableResponse:
        raise unchecked("answered in another form", response.status) from None
    if found.type is None or found.status is None:
        raise unchecked("did not tell type and status", response.status)
    if found.type != KIND:
        raise SubscriptionRequired(
            f"the subscription does not include this; one of the type `{KIND}` does", accepted="no"
        )
    if found.status not in ACTIVE:
        raise SubscriptionInactive("the subscription is not active; renew it", accepted="no")
    return found


def raise_unsubscribed(response: HttpResponse) -> None:
    """Raise what a failed check means."""
    status = response.status
    if status == 401:
        raise SubscriberUnknown(
            "the subscription service does not know who asks; check `DITECTREV_SUBSCRIPTION_KEY`",
            accepted="no",
            http_status=status,
        )
    if status in NONE:
        raise SubscriptionRequired(
            "there is no active subscription", accepted="no", http_status=status
        )
    if status == 429:
        busy = CHAT_ERRORS(response)  # says for how long
        busy.accepted = "no"
        raise busy
    if status >= 400:
        raise unchecked("failed", status)


def unchecked(how: str, status: int) -> SubscriptionUnchecked:
    """The checking service is no help at the moment."""
    return SubscriptionUnchecked(
        f"the subscription service {how}; nothing was asked for",
        accepted="no",
        retryable=True,
        http_status=status,
    )


def explain(response: HttpResponse) -> ProviderError:
    """What a failure of the chat means."""
    if response.status == 402:
        return SubscriptionRequired(
            "the subscription does not cover this", accepted="no", http_status=402
        )
    return CHAT_ERRORS(response)


def check() -> Exchange[Account]:
    """Whether the subscription is active; asks for nothing else."""
    found = yield from subscribed()
    return Account(details={"type": found.type, "status": found.status})
