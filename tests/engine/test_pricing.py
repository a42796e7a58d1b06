"""From usage to money, exactly; and the most that a request can cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as some

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.model import Limits, Model, Price
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.engine.estimating import circumstances, completed, counted, estimated, expected_usage
from anymedia.engine.fitting import fit
from anymedia.engine.pricing import Tariff, priced, settled
from tests.engine.workbench import hello
from tests.support.acme import MODELS, sheet

MILLION = 1_000_000
BY_ID = {model.id: model for model in MODELS}


def model(*prices: Price, **facts: Any) -> Model:
    """A model with these prices."""
    return sheet("m", "text", prices=prices, **facts)


def price(unit: str, usd: str, **facts: Any) -> Price:
    """A price per million for tokens, per unit for others."""
    facts.setdefault("per", MILLION if unit.endswith("tokens") else 1)
    return Price(unit=unit, usd=Decimal(usd), **facts)


WORDS = model(
    price("input_tokens", "2.50"),
    price("cached_input_tokens", "0.25"),
    price("output_tokens", "10"),
)


def test_tokens_cost_what_they_cost_to_the_last_digit() -> None:
    """Decimals, never floats: a tenth is a tenth."""
    cost = priced(WORDS, Usage(input_tokens=3, output_tokens=1), {})
    assert cost.amount == Decimal("0.0000175")
    assert cost.basis == "computed"
    assert (
        cost.explanation
        == "3 input_tokens at 2.50 USD per 1,000,000 + 1 output_tokens at 10 USD per 1,000,000"
    )


def test_cached_tokens_are_part_of_the_input_and_paid_once() -> None:
    """At their own price, the rest at the whole's."""
    cost = priced(WORDS, Usage(input_tokens=1000, cached_input_tokens=400, output_tokens=0), {})
    assert cost.amount == Decimal("0.0016")


def test_a_part_without_a_price_of_its_own_is_paid_as_the_whole() -> None:
    """Reasoning is output."""
    cost = priced(WORDS, Usage(input_tokens=0, output_tokens=100, reasoning_tokens=90), {})
    assert cost.amount == Decimal("0.001")


def test_parts_that_exceed_their_whole_never_make_a_refund() -> None:
    """Some servers count differently."""
    cost = priced(WORDS, Usage(input_tokens=10, cached_input_tokens=50), {})
    assert cost.amount == Decimal("0.0000125")


def test_the_most_particular_price_applies() -> None:
    """The one with the most conditions that hold; a list means any of these."""
    sold = model(
        price("seconds", "0.10"),
        price("seconds", "0.20", when={"resolution": ["1080p", "4k"]}),
        price("seconds", "0.30", when={"resolution": "1080p", "audio": True}),
    )
    usage = Usage(seconds=Decimal("2.5"))
    for facts, usd in (
        ({}, "0.25"),
        ({"resolution": "720p", "audio": True}, "0.25"),
        ({"resolution": "4k"}, "0.50"),
        ({"resolution": "1080p", "audio": True}, "0.75"),
    ):
        assert priced(sold, usage, facts).amount == Decimal(usd)


def test_long_prompts_may_have_a_price_of_their_own() -> None:
    """Above so many input tokens, for all units that say so."""
    sold = model(
        price("input_tokens", "1"),
        price("input_tokens", "2", above_input_tokens=200_000),
        price("output_tokens", "4"),
        price("output_tokens", "6", above_input_tokens=200_000),
    )
    assert priced(sold, Usage(input_tokens=200_000, output_tokens=MILLION), {}).amount == Decimal(
        "4.2"
    )
    assert priced(sold, Usage(input_tokens=200_001, output_tokens=MILLION), {}).amount == Decimal(
        "6.400002"
    )


def test_units_add_up() -> None:
    """A price per request and one per second, say."""
    sold = model(price("requests", "0.05"), price("megapixels", "0.02"), price("credits", "0.01"))
    usage = Usage(requests=1, megapixels=Decimal("1.5"), credits=Decimal(7))
    assert priced(sold, usage, {}).amount == Decimal("0.15")


@pytest.mark.parametrize(
    ("sold", "usage"),
    [
        (None, Usage(input_tokens=5)),
        (model(), Usage(input_tokens=5)),
        (model(price("seconds", "1")), Usage(input_tokens=5)),
        (model(price("seconds", "1", when={"audio": True})), Usage(seconds=Decimal(5))),
    ],
)
def test_what_has_no_price_is_unpriced_and_never_free(sold: Model | None, usage: Usage) -> None:
    """Zero would look like a gift."""
    cost = priced(sold, usage, {})
    assert (cost.amount, cost.basis) == (None, "unpriced")


def test_free_is_said_and_not_guessed() -> None:
    """Only where every price is nought."""
    assert priced(model(price("images", "0")), Usage(images=1), {}).basis == "free"
    mixed = model(price("images", "0"), price("requests", "1"))
    assert priced(mixed, Usage(images=1), {}).basis == "computed"


def test_counted_usage_is_an_estimate() -> None:
    """Not a bill."""
    assert priced(WORDS, Usage(input_tokens=5, estimated=True), {}).basis == "estimated"


def test_what_the_provider_reports_wins() -> None:
    """Nought, too."""
    computed = priced(WORDS, Usage(input_tokens=MILLION), {})
    assert settled(computed, None) is computed
    assert settled(computed, Decimal(0)).amount == Decimal(0)
    assert settled(computed, Decimal(0)).computed == Decimal("2.50")


@given(
    counts=some.tuples(*[some.integers(0, 10**9)] * 3),
    cents=some.tuples(*[some.integers(0, 10**5)] * 3),
)
def test_a_bill_is_the_sum_of_its_lines(
    counts: tuple[int, int, int], cents: tuple[int, int, int]
) -> None:
    """Exactly, whatever the amounts."""
    whole, cached, out = counts
    sold = model(
        *(
            price(unit, str(Decimal(usd) / 100))
            for unit, usd in zip(
                ("input_tokens", "cached_input_tokens", "output_tokens"), cents, strict=True
            )
        )
    )
    usage = Usage(input_tokens=whole + cached, cached_input_tokens=cached, output_tokens=out)
    due = sum((Decimal(n) * Decimal(usd) for n, usd in zip(counts, cents, strict=True)), Decimal(0))
    assert priced(sold, usage, {}).amount == due / 100 / MILLION


# --- estimates ------------------------------------------------------------------------------


def test_a_text_can_cost_as_much_as_its_longest_answer() -> None:
    """What is asked for, at most what the model writes."""
    words = BY_ID["words-1"]
    assert expected_usage(hello(max_output_tokens=200), words).output_tokens == 200
    assert expected_usage(hello(), words).output_tokens == 1000
    assert expected_usage(hello(), None).output_tokens == 4096
    cost = estimated(hello(prompt="x" * 300, max_output_tokens=100), words)
    assert (cost.amount, cost.basis) == (Decimal("0.0005"), "estimated")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("hello world!", 4), ("雾中的灯塔", 5), ("🦊", 2), ("\ud83d", 1)],
)
def test_tokens_are_counted_generously_in_every_script(text: str, tokens: int) -> None:
    """A bound that held for English only would be none."""
    assert counted(text) == tokens


def test_media_cost_by_what_is_asked_for() -> None:
    """Seconds, pictures, characters, times the count."""
    usage = expected_usage(VideoRequest(prompt="fog", duration_seconds=7.5, count=2), None)
    assert (usage.seconds, usage.requests) == (Decimal("15.0"), 1)
    assert expected_usage(ImageRequest(prompt="a fox", count=3), None).images == 3
    assert expected_usage(SpeechRequest(text="good morning"), None).characters == 12
    assert expected_usage(EmbeddingRequest(inputs=("abc", "abcd")), None).input_tokens == 3


def test_an_estimate_uses_the_price_of_what_will_be_sent() -> None:
    """After the preset is filled in."""
    clip = BY_ID["clip-1"]
    draft, _ = fit(VideoRequest(prompt="fog", quality="draft"), clip, date(2026, 11, 21))
    high, _ = fit(
        VideoRequest(prompt="fog", quality="high", duration_seconds=5), clip, date(2026, 11, 21)
    )
    assert estimated(draft, clip).amount == Decimal("0.50")
    assert estimated(high, clip).amount == Decimal("1.25")


def test_pictures_that_are_billed_by_tokens_have_a_typical_number() -> None:
    """By quality; the dearest where none is said."""
    sold = sheet(
        "brush-2",
        "image",
        prices=(price("output_tokens", "40"),),
        settings={"output_tokens_per_image": {"low": 100, "high": 4000}},
    )
    asked = ImageRequest(prompt="a fox", count=2)
    assert estimated(asked, sold).amount == Decimal("0.32")
    assert estimated(
        asked.model_copy(update={"options": {"quality": "low"}}), sold
    ).amount == Decimal("0.008")


def test_what_the_provider_did_not_say_is_taken_from_the_result() -> None:
    """What it said stays."""
    asked = VideoRequest(prompt="fog", duration_seconds=5)
    bare = completed(Usage(), asked, images=0, seconds=Decimal("5.04"))
    assert (bare.seconds, bare.requests) == (Decimal("5.04"), 1)
    said = completed(Usage(seconds=Decimal(6)), asked, images=0, seconds=Decimal("5.04"))
    assert said.seconds == Decimal(6)
    pictures = completed(Usage(), ImageRequest(prompt="x", count=4), images=3, seconds=Decimal(0))
    assert pictures.images == 3


def test_circumstances_are_the_request_in_effect() -> None:
    """Sound and resolution as they are where nothing is said: the bound, not the hope."""
    loud = sheet("c", "video", limits=Limits(audio="optional", resolutions=("720p", "1080p")))
    facts = circumstances(VideoRequest(prompt="fog", options={"mode": "pro"}), loud)
    assert facts == {"task": "text_to_video", "mode": "pro", "audio": True, "resolution": "720p"}
    asked = VideoRequest(prompt="fog", audio=False, resolution="1080p")
    assert circumstances(asked, loud) == {
        "task": "text_to_video",
        "audio": False,
        "resolution": "1080p",
    }


def test_a_length_that_the_model_may_choose_counts_at_its_longest() -> None:
    """An estimate is a bound: ten seconds at most, for each of what was asked for."""
    clip = next(model for model in MODELS if model.id == "clip-1")
    assert estimated(VideoRequest(prompt="a fox"), clip).amount == Decimal("1.00")
    known = VideoRequest(prompt="a fox", duration_seconds=5)
    assert estimated(known, clip).amount == Decimal("0.50")


def test_pictures_that_go_into_a_clip_are_counted() -> None:
    """Frames and references; a clip or a sound among them is no picture."""
    picture = MediaBytes(data=b"p", media_type="image/png")
    sound = MediaBytes(data=b"s", media_type="audio/wav")
    request = VideoRequest(prompt="x", first_frame=picture, references=(picture, sound))
    assert expected_usage(request, None).input_images == 2
    assert expected_usage(VideoRequest(prompt="x"), None).input_images == 0


def test_a_part_that_nobody_counted_makes_the_sum_a_lower_bound() -> None:
    """It does not pass as computed, and says of what it lacks the number."""
    sheet = model(price("input_tokens", "1"), price("output_tokens", "2"))
    cost = priced(sheet, Usage(output_tokens=3), {})
    assert (cost.amount, cost.basis) == (Decimal("0.000006"), "estimated")
    assert "at least, as its input_tokens are not known" in (cost.explanation or "")


def test_an_unsaid_part_of_something_known_is_no_doubt() -> None:
    """Cached tokens that nobody mentions are charged as the rest."""
    sheet = model(price("input_tokens", "2"), price("cached_input_tokens", "1"))
    assert priced(sheet, Usage(input_tokens=3), {}).basis == "computed"


def test_credits_that_a_provider_counts_and_we_do_not_price_are_told() -> None:
    """Who reads the bill sees that the two may differ."""
    cost = priced(model(price("seconds", "1")), Usage(seconds=Decimal(5), credits=Decimal(25)), {})
    assert "the provider counted 25 credits, which have no price here" in (cost.explanation or "")


def test_a_price_by_credits_says_how_many_at_which_rate() -> None:
    """And where and when the rate was read."""
    sheet = model(
        Price(unit="credits", usd=Decimal("0.01"), source="https://x", as_of=date(2026, 11, 1))
    )
    cost = priced(sheet, Usage(credits=Decimal(25)), {})
    assert cost.amount == Decimal("0.25")
    assert cost.explanation == "25 credits at 0.01 USD"
    assert cost.price == {
        "usd": {"credits": "0.01"},
        "as_of": "2026-11-01",
        "source": "https://x",
    }


@given(
    some.dictionaries(
        some.sampled_from(("input_tokens", "cached_input_tokens", "output_tokens", "requests")),
        some.integers(0, 10**7),
    )
)
def test_a_tariff_that_is_asked_again_and_again_says_the_same_as_a_fresh_one(
    amounts: dict[str, int],
) -> None:
    """Whatever it was asked before, on either side of a step in the price."""
    exact = {unit: Decimal(amount) for unit, amount in amounts.items()}
    fresh = Tariff(STEPPED, {}).reckoned(exact, estimated=False)
    USED.reckoned({**amounts, "input_tokens": 10**6}, estimated=False)
    assert USED.reckoned(amounts, estimated=False) == fresh
    assert USED.amount(amounts) == fresh.amount


def test_a_cost_is_told_with_the_digits_that_it_has() -> None:
    """Nothing is `0.00` or `0E-8` for having been multiplied; less than nothing is nothing."""
    tariff = Tariff(WORDS, {})
    for amounts, amount in (
        ({"input_tokens": 0, "output_tokens": 0}, "0.00"),
        ({"input_tokens": 12, "output_tokens": 0}, "0.00003"),
        ({"input_tokens": -7, "output_tokens": 1}, "0.00001"),
        ({"output_tokens": 1}, "0.00001"),
    ):
        assert str(tariff.reckoned(amounts, estimated=False).amount) == amount


def test_an_explanation_repeats_what_it_is_given() -> None:
    """Also what would stand for a number elsewhere."""
    priced_in = model(price("output_tokens", "10"), catalog="/srv/100%s %d.toml")
    told = Tariff(priced_in, {}).reckoned({"output_tokens": 3}, estimated=False).explanation
    assert told.startswith("3 output_tokens at 10 USD per 1,000,000")
    assert told.endswith("; priced in /srv/100%s %d.toml")


STEPPED = model(
    price("input_tokens", "2.50"),
    price("input_tokens", "5", above_input_tokens=200_000),
    price("cached_input_tokens", "0.25"),
    price("output_tokens", "10"),
    price("output_tokens", "15", above_input_tokens=200_000),
)
USED = Tariff(STEPPED, {})
