"""Who could do it: candidates in order, and clear words where there is nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from anymedia.contracts.configuration import Alias
from anymedia.contracts.errors import (
    CostLimitExceeded,
    InvalidRequest,
    MissingKey,
    NoRouteSucceeded,
    UnknownModel,
    UnsupportedOption,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.request import Request, RetryConfig
from anymedia.contracts.route import FailoverSettings, RouteSettings
from anymedia.contracts.video import VideoRequest
from anymedia.engine.candidate import Candidate
from anymedia.providers.spec import Call, Stream
from anymedia.wire.http import HttpResponse
from tests.engine.workbench import Workbench, hello
from tests.support.acme import ACME, BOLT, MODELS, sheet
from tests.support.transport import answer

TODAY = date(2026, 11, 21)


def chosen(bench: Workbench, request: Request[Any], **options: Any) -> list[Candidate]:
    """The candidates that fit."""
    return bench.engine.router.chosen(request, TODAY, **options)[0]


def names(bench: Workbench, request: Request[Any]) -> list[str]:
    """The same by name."""
    return [one.name for one in chosen(bench, request)]


def test_every_providers_best_model_comes_before_anyones_second() -> None:
    """Another provider helps more often than another model of the one that failed."""
    bench = Workbench(providers=(ACME, BOLT))
    assert names(bench, hello()) == [
        "acme/words-1",
        "bolt/words-1",
        "acme/words-free",
        "bolt/words-free",
    ]


def test_providers_come_in_the_order_of_their_priority() -> None:
    """Lower is preferred."""
    bench = Workbench(
        providers=(ACME, BOLT), configured={"bolt": {"priority": 0}, "acme": {"priority": 5}}
    )
    assert names(bench, hello(model="words-1")) == ["bolt/words-1", "acme/words-1"]


def test_a_route_says_who_serves_a_medium_and_in_which_order() -> None:
    """Those it does not name are not asked."""
    route = RouteSettings(media="text", providers=("bolt",))
    bench = Workbench(providers=(ACME, BOLT), routes=(route,))
    assert names(bench, hello(model="words-1")) == ["bolt/words-1"]


def test_failover_asks_no_more_than_so_many() -> None:
    """`failover.max_attempts` counts candidates that were asked."""
    down = HttpResponse(503, b"{}")
    bench = Workbench(down, down, providers=(ACME, BOLT), failover=FailoverSettings(max_attempts=2))
    with pytest.raises(NoRouteSucceeded, match="all 2 attempts"):
        bench.run(hello(retry=RetryConfig(max_attempts=1)))


@pytest.mark.parametrize(
    "said",
    [
        {"model": "words-1", "provider": "bolt"},
        {"model": "bolt/words-1"},
        {"model": "bolt/words-1", "provider": "bolt"},
    ],
)
def test_a_model_and_its_provider_can_be_named_in_either_way(said: dict[str, str]) -> None:
    """Only that one is a candidate, under the provider's own name for it."""
    bench = Workbench(providers=(ACME, BOLT))
    (candidate,) = chosen(bench, hello(**said))
    assert (candidate.name, candidate.request.model) == ("bolt/words-1", "words-1")


def test_a_provider_alone_means_any_of_its_models() -> None:
    """In the order of the catalogue; what is retired is not among them."""
    assert names(Workbench(providers=(ACME, BOLT)), hello(provider="bolt")) == [
        "bolt/words-1",
        "bolt/words-free",
    ]


def test_the_configured_model_is_meant_when_none_is_named() -> None:
    """And no other of that provider."""
    bench = Workbench(configured={"acme": {"models": {"text": "words-free"}}})
    assert names(bench, hello()) == ["acme/words-free"]


def test_an_unknown_model_is_answered_with_what_was_meant_perhaps() -> None:
    """Whoever mistypes a name is helped."""
    with pytest.raises(UnknownModel, match="Did you mean `acme/words-1`") as caught:
        chosen(Workbench(), hello(model="wrods-1"))
    assert caught.value.code == "INVALID_MODEL"


def test_an_unknown_model_of_a_named_provider_is_answered_too() -> None:
    """It says who was asked."""
    with pytest.raises(UnknownModel, match="`acme` has no model `nothing-like-it`"):
        chosen(Workbench(), hello(model="nothing-like-it", provider="acme"))


def test_a_model_that_the_catalogue_lacks_is_used_where_that_is_allowed() -> None:
    """And flagged as unpriced."""
    bench = Workbench(configured={"acme": {"unlisted_models": "allow"}})
    (candidate,) = chosen(bench, hello(model="words-9", provider="acme"))
    assert candidate.model is None
    assert candidate.estimate.basis == "unpriced"
    assert [notice.code for notice in candidate.notices] == ["unpriced"]


def test_a_retired_model_names_its_successor() -> None:
    """It is not asked for any more."""
    with pytest.raises(UnknownModel, match="was retired on 2026-01-31; use `words-1`"):
        chosen(Workbench(), hello(model="words-0"))


def test_an_unknown_provider_is_the_callers_mistake() -> None:
    """Not one of the configuration."""
    with pytest.raises(InvalidRequest, match="no provider `acmee`; did you mean `acme`"):
        chosen(Workbench(), hello(provider="acmee"))


def test_a_provider_that_is_switched_off_is_not_used_even_when_named() -> None:
    """The operator has the last word."""
    bench = Workbench(configured={"acme": {"enabled": False}})
    with pytest.raises(InvalidRequest, match="`acme` is switched off"):
        chosen(bench, hello(provider="acme"))


def test_a_named_provider_without_a_key_says_which_one_to_set() -> None:
    """By the name of its variable."""
    bench = Workbench(configured={"acme": {"api_key": None}})
    with pytest.raises(MissingKey, match="`ACME_API_KEY` is not set"):
        chosen(bench, hello(provider="acme"))


def test_a_provider_that_does_not_make_it_says_what_it_makes() -> None:
    """One reason is told as it is."""
    bench = Workbench(providers=(replace(ACME, operations=(ACME.operations[0],)),))
    with pytest.raises(UnsupportedOption, match=r"`acme` does not make video \(it makes text\)"):
        chosen(bench, VideoRequest(prompt="fog", provider="acme"))


def test_nobody_configured_for_a_medium_is_said_with_a_way_out() -> None:
    """The one that needs no key is offered."""
    bench = Workbench(providers=(replace(ACME, operations=(ACME.operations[0],)),))
    with pytest.raises(UnsupportedOption, match="no configured provider makes video"):
        chosen(bench, VideoRequest(prompt="fog"))


def test_several_reasons_are_told_together() -> None:
    """Each of them once."""
    bench = Workbench(providers=(ACME, BOLT))
    with pytest.raises(NoRouteSucceeded) as caught:
        chosen(bench, ImageRequest(prompt="a fox", images=("https://x.example/a.png",)))
    assert len(caught.value.failures) == 2
    assert "acme/brush-1" in caught.value.message
    assert "bolt/brush-1" in caught.value.message


def test_streams_prefer_what_streams() -> None:
    """Where a provider can do both."""
    bench = Workbench()
    assert isinstance(chosen(bench, hello())[0].operation, Call)
    assert isinstance(chosen(bench, hello(), streaming=True)[0].operation, Stream)


def test_an_alias_stands_for_a_model_a_quality_and_options() -> None:
    """What the request says itself wins."""
    alias = Alias(media="video", model="acme/clip-1", quality="draft", options={"a": 1, "b": 1})
    bench = Workbench(aliases={"fast": alias})
    (candidate,) = chosen(bench, VideoRequest(prompt="fog", model="fast", options={"b": 2}))
    request = candidate.request
    assert isinstance(request, VideoRequest)
    assert (request.resolution, request.duration_seconds) == ("720p", 5)
    assert request.options == {"a": 1, "b": 2}


def test_an_alias_for_another_medium_is_refused() -> None:
    """It says which one it is for."""
    bench = Workbench(aliases={"fast": Alias(media="video")})
    with pytest.raises(InvalidRequest, match="alias for video, not for text"):
        chosen(bench, hello(model="fast"))


def test_options_of_the_configuration_go_with_every_request() -> None:
    """Unless the request says otherwise."""
    bench = Workbench(configured={"acme": {"options": {"region": "eu", "tier": "slow"}}})
    (candidate,) = chosen(bench, hello(model="words-1", options={"tier": "fast"}))
    assert candidate.request.options == {"region": "eu", "tier": "fast"}


def test_what_may_cost_more_than_allowed_is_not_a_candidate() -> None:
    """A dearer resolution is refused where a cheaper one passes."""
    bench = Workbench()
    clip = VideoRequest(prompt="fog", duration_seconds=10, max_cost=Decimal("1.00"))
    (candidate,) = chosen(bench, clip.model_copy(update={"resolution": "720p"}))
    assert candidate.estimate.amount == Decimal("1.00")
    with pytest.raises(CostLimitExceeded, match=r"may cost 2.5 USD, more than the 1.00 USD"):
        chosen(bench, clip.model_copy(update={"resolution": "1080p"}))


def test_what_has_no_price_cannot_be_held_to_a_limit() -> None:
    """Unknown is not cheap; the limit of the configuration counts too."""
    bench = Workbench(max_cost=Decimal(5))
    with pytest.raises(CostLimitExceeded, match="no known price"):
        chosen(bench, hello(model="words-free"))


def test_estimates_tell_of_every_candidate_and_why_others_are_none() -> None:
    """Price, adaptations, seconds, or the problem."""
    bench = Workbench()
    fits, *others = bench.estimates(VideoRequest(prompt="fog", duration_seconds=7, quality="high"))
    assert others == []
    assert fits.cost is not None
    assert (fits.fits, fits.cost.amount, fits.cost.basis) == (True, Decimal("2.50"), "estimated")
    assert fits.expected_seconds == 40
    assert [one.option for one in fits.adaptations] == ["duration_seconds"]
    assert fits.effective["resolution"] == "1080p"
    (refused,) = bench.estimates(VideoRequest(prompt="x", quality="cinematic"))
    assert (refused.fits, refused.cost) == (False, None)
    assert refused.problem is not None


def test_candidates_one_by_one_are_the_same_in_the_same_order() -> None:
    """They are found when they are asked for, and nobody is an error as clear."""
    bench = Workbench(providers=(ACME, BOLT))
    found = bench.engine.router.one_by_one(hello(), TODAY)
    assert [one.name for one in found] == names(bench, hello())
    with pytest.raises(UnknownModel, match="was retired"):
        next(bench.engine.router.one_by_one(hello(model="words-0", provider="acme"), TODAY))


def test_two_models_of_one_name_are_told_apart_by_what_they_make() -> None:
    """As vendors name them: `clip-1` writes here, and makes clips there."""
    writer = sheet("clip-1", "text")
    bench = Workbench(
        answer({"text": "hello"}), providers=(replace(ACME, models=(writer, *MODELS)),)
    )
    assert bench.run(hello(model="acme/clip-1")).model == "clip-1"
    (estimate,) = bench.estimates(
        VideoRequest(prompt="a fox", model="acme/clip-1", duration_seconds=5)
    )
    assert estimate.fits
    assert estimate.cost is not None
    assert estimate.cost.amount == Decimal("0.50")


def test_a_route_may_follow_the_successor_of_a_retired_model() -> None:
    """Only where it says so; the result warns, and tells which model it was."""
    bench = Workbench(answer({"text": "hi"}), failover=FailoverSettings(follow_successors=True))
    result = bench.run(hello(model="acme/words-0"))
    assert result.model == "words-1"
    (warning,) = result.warnings
    assert (warning.code, warning.asked, warning.given) == ("model-replaced", "words-0", "words-1")
