"""The vendor's own client goes through its normal flow with our double; then our adapter does."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import openai
import pytest
from openai import AzureOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    ModelUnavailable,
    RateLimited,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.adapters.azure_openai import AZURE_OPENAI
from anymedia.testing.double import serving
from anymedia.testing.doubles.azure_openai import TOKEN_SECONDS, AzureOpenAIDouble
from anymedia.testing.samples import png, wav
from anymedia.wire.auth import GrantingAuth

NOW = datetime(2026, 11, 21, tzinfo=UTC)
VERSION = "2024-10-21"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


class Watch:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.seconds = 1200.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    """The double's clock."""
    return Watch()


@pytest.fixture
def double(watch: Watch) -> Iterator[AzureOpenAIDouble]:
    """A resource with deployments of its own names, which answer twice a minute each."""
    deployments = {
        "our-chat": "gpt-5.4",
        "pictures": "gpt-image-2",
        "voice": "gpt-4o-mini-tts",
        "ears": "whisper-1",
        "vectors": "text-embedding-3-small",
    }
    double = AzureOpenAIDouble(deployments=deployments, per_minute=2, clock=watch)
    with serving(double):
        yield double


@pytest.fixture
def client(double: AzureOpenAIDouble) -> Iterator[AzureOpenAI]:
    """The official client on the dated surface, as it comes."""
    with AzureOpenAI(
        api_key=double.key, azure_endpoint=double.base_url, api_version=VERSION, max_retries=0
    ) as client:
        yield client


# --- the vendor's client --------------------------------------------------------------------


def test_the_vendors_client_chats_by_deployment(
    client: AzureOpenAI, double: AzureOpenAIDouble
) -> None:
    """The deployment stands in the path; the bill is that of the model behind it."""
    answer = client.chat.completions.create(model="our-chat", messages=HELLO)
    assert answer.choices[0].message.content == "You said: Hello"
    assert answer.model == "gpt-5.4"
    assert answer.usage is not None
    assert answer.model_extra is not None
    assert answer.model_extra["prompt_filter_results"][0]["prompt_index"] == 0
    assert double.record.requests == [("POST", "/openai/deployments/our-chat/chat/completions")]
    spent = answer.usage.prompt_tokens * Decimal("2.5") + answer.usage.completion_tokens * 15
    assert [amount for _, amount in double.record.invoice] == [spent / 1_000_000]


def test_the_vendors_client_streams(client: AzureOpenAI) -> None:
    """The filter's findings come first, in a chunk without choices; then the words."""
    stream = client.chat.completions.create(model="our-chat", messages=HELLO, stream=True)
    chunks = list(stream)
    assert chunks[0].choices == []
    said = [one.choices[0].delta.content or "" for one in chunks if one.choices]
    assert "".join(said) == "You said: Hello"


def test_the_vendors_client_makes_media(client: AzureOpenAI) -> None:
    """A picture, one that is changed, speech, words from sound, vectors."""
    made = client.images.generate(model="pictures", prompt="a fox", size="1024x1024")
    assert made.data is not None
    assert made.data[0].b64_json is not None
    changed = client.images.edit(
        model="pictures", image=("a.png", png(16, 16)), prompt="make it blue"
    )
    assert changed.usage is not None
    sound = client.audio.speech.create(
        model="voice", voice="alloy", input="Good morning.", response_format="wav"
    )
    assert sound.content.startswith(b"RIFF")
    heard = client.audio.transcriptions.create(model="ears", file=("a.wav", io.BytesIO(wav(1.0))))
    assert heard.text == "This is what was said."
    vectors = client.embeddings.create(model="vectors", input=["a", "b"])
    assert [len(one.embedding) for one in vectors.data] == [1536, 1536]
    assert {one.id for one in client.models.list()} >= {"our-chat", "pictures"}


def test_the_newer_surface_is_openais_own_client(double: AzureOpenAIDouble) -> None:
    """Below `/openai/v1`, without a date; responses are there too."""
    with OpenAI(
        base_url=f"{double.base_url}/openai/v1",
        api_key="unused",
        default_headers={"api-key": double.key},
        max_retries=0,
    ) as client:
        answer = client.responses.create(model="our-chat", input="Hello")
        assert answer.output_text == "You said: Hello"


def test_failures_are_the_ones_that_the_client_knows(
    client: AzureOpenAI, double: AzureOpenAIDouble, watch: Watch
) -> None:
    """A wrong key, a deployment that is not there, the filter, the limit until its minute ends."""
    chat = client.chat.completions
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").chat.completions.create(
            model="our-chat",
            messages=HELLO,
        )
    with pytest.raises(openai.NotFoundError) as missing:
        chat.create(model="gpt-5.4", messages=HELLO)
    assert missing.value.code == "DeploymentNotFound"
    with pytest.raises(openai.BadRequestError) as caught:
        chat.create(model="our-chat", messages=[{"role": "user", "content": "forbidden"}])
    assert caught.value.code == "content_filter"
    chat.create(model="our-chat", messages=HELLO)
    watch.seconds += 45
    with pytest.raises(openai.RateLimitError) as limited:
        chat.create(model="our-chat", messages=HELLO)
    assert limited.value.response.headers["retry-after"] == "15"
    assert limited.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    watch.seconds += 15
    chat.create(model="our-chat", messages=HELLO)
    assert len(double.record.invoice) == 2


def test_the_dated_surface_wants_its_date(double: AzureOpenAIDouble) -> None:
    """A version that is none is answered as a path that is not there."""
    with (
        AzureOpenAI(
            api_key=double.key, azure_endpoint=double.base_url, api_version="latest", max_retries=0
        ) as client,
        pytest.raises(openai.NotFoundError),
    ):
        client.chat.completions.create(model="our-chat", messages=HELLO)


# --- our adapter ----------------------------------------------------------------------------


def adapter(double: AzureOpenAIDouble, **secrets: str) -> Loopback:
    """Ours, pointed at the double, with a key unless something else is given."""
    return Loopback(AZURE_OPENAI, double.base_url, secrets or {"api_key": double.key})


@pytest.mark.parametrize("version", ["", "preview", VERSION])
def test_our_adapter_asks_on_both_surfaces(double: AzureOpenAIDouble, version: str) -> None:
    """Text whole and streamed, and a picture."""
    ours = adapter(double, api_key=double.key, api_version=version)
    request = TextRequest(model="our-chat", prompt="Hello")
    answer = ours.call(request)
    assert isinstance(answer, TextAnswer)
    assert answer.text == "You said: Hello"
    assert answer.request_id == "azure-1"
    assert len(list(ours.stream(request))) > 2
    made = ours.call(ImageRequest(model="pictures", prompt="a fox"))
    assert isinstance(made, MediaAnswer)
    dated = {path.startswith("/openai/deployments/") for _, path in double.record.requests}
    assert dated == {version == VERSION}


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (TextRequest(model="our-chat", prompt="forbidden"), ContentRefused),
        (ImageRequest(model="pictures", prompt="forbidden"), ContentRefused),
        (TextRequest(model="nobody", prompt="Hello"), ModelUnavailable),
    ],
)
def test_our_adapter_hears_of_refusals(
    double: AzureOpenAIDouble, request_: TextRequest | ImageRequest, error: type[Exception]
) -> None:
    """By the filter, and by who is not there; neither is billed."""
    with pytest.raises(error):
        adapter(double).call(request_)
    assert double.record.invoice == []


def test_our_adapter_waits_as_long_as_the_deployment_says(double: AzureOpenAIDouble) -> None:
    """Until the minute is over."""
    ours, request = adapter(double), TextRequest(model="our-chat", prompt="Hello")
    ours.call(request)
    ours.call(request)
    with pytest.raises(RateLimited) as limited:
        ours.call(request)
    assert limited.value.retry_after == 60.0


def test_a_service_principal_gets_a_token_that_ends(
    double: AzureOpenAIDouble, watch: Watch
) -> None:
    """Entra ID's; the double is its authority as well."""
    auth = AZURE_OPENAI.auth
    assert isinstance(auth, GrantingAuth)
    given = {**double.principal, "tenant_id": double.tenant, "authority": double.base_url}

    token = adapter(double, **given).converse(auth.grant(given, NOW)).value
    request = TextRequest(model="our-chat", prompt="Hello")
    assert isinstance(adapter(double, token=token).call(request), TextAnswer)
    watch.seconds += TOKEN_SECONDS
    with pytest.raises(AuthenticationFailed):
        adapter(double, token=token).call(request)
    with pytest.raises(AuthenticationFailed):
        adapter(double, **given).converse(auth.grant(given | {"client_secret": "wrong"}, NOW))
