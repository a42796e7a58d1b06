"""Orders of invalidation: what they cover, and how long they are remembered."""

from __future__ import annotations

from hypothesis import given, strategies as st

from anymedia.cache.order import MOST_ORDERS, Order, Orders

PROVIDERS = st.sampled_from(["openai", "openrouter", "fal"])
MODELS = st.sampled_from(["gpt-5", "openai/gpt-5", "fal-ai/flux/dev"])
OWNERS = st.sampled_from(["ann", "bob"])
ORDERS = st.builds(
    Order,
    provider=st.none() | PROVIDERS,
    model=st.none() | MODELS,
    pattern=st.none() | st.sampled_from(["*", "fal/*", "*gpt*", "open?i/*", "[of]*"]),
    owner=st.none() | OWNERS,
)


def test_a_model_is_named_with_or_without_its_provider() -> None:
    """Its own name may have slashes too."""
    names = ("openrouter/openai/gpt-5",)
    assert Order(model="openai/gpt-5").covers(names, "ann")
    assert Order(model="openrouter/openai/gpt-5").covers(names, "ann")
    assert not Order(model="gpt-5").covers(names, "ann")
    assert not Order(provider="openai").covers(names, "ann")


@given(order=ORDERS, provider=PROVIDERS, model=MODELS, owner=OWNERS)
def test_saying_more_covers_no_more(order: Order, provider: str, model: str, owner: str) -> None:
    """An order covers what each of its parts covers, and only that."""
    names = (f"{provider}/{model}",)
    parts = (
        Order(provider=order.provider),
        Order(model=order.model),
        Order(pattern=order.pattern),
        Order(owner=order.owner),
    )
    assert order.covers(names, owner) == all(part.covers(names, owner) for part in parts)


@given(
    orders=st.lists(ORDERS, max_size=MOST_ORDERS + 20),
    known=st.integers(0, MOST_ORDERS + 20),
    provider=PROVIDERS,
    model=MODELS,
)
def test_an_answer_is_good_only_if_no_later_order_covers_it(
    orders: list[Order], known: int, provider: str, model: str
) -> None:
    """Where the later ones are not all remembered, it counts as covered."""
    now = Orders("epoch")
    for order in orders:
        read = Orders.read(now.followed_by(order).written())
        assert read is not None
        now = read
    names = (f"{provider}/{model}",)
    later = orders[known:]
    good = (
        known <= len(orders)
        and len(later) <= MOST_ORDERS
        and not any(order.covers(names, "ann") for order in later)
    )
    assert now.spare("epoch", known, names, "ann") == good
    assert not now.spare("another epoch", known, names, "ann")
    assert len(now.recent) <= MOST_ORDERS


@given(data=st.binary(max_size=60) | st.just(b'{"epoch":"e","last":0,"recent":[{}]}'))
def test_what_is_not_a_list_of_orders_is_none(data: bytes) -> None:
    """Never an exception."""
    assert Orders.read(data) is None
