"""Text through `generateContent`, asked and answered.

Answers are written after https://ai.google.dev/api/generate-content (2026-11-21).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.recordings import streamed

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    NetworkFailed,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.event import AnswerComplete
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.contracts.model import Model
from anymedia.contracts.text import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    JsonOutput,
    NamedTool,
    SchemaOutput,
    TextAnswer,
    TextPart,
    TextRequest,
    Tool,
    ToolCall,
    ToolMessage,
    UserMessage,
    VideoPart,
)
from anymedia.providers.adapters.google import GOOGLE
from anymedia.providers.adapters.vertex import VERTEX
from anymedia.providers.catalog import catalogued
from anymedia.providers.dialects.google.contents import UNSIGNED
from anymedia.providers.spec import Brief, Call, Provider, Stream
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse

MODEL = "gemini-3.8-flash"
LOOK = Tool(
    name="look",
    description="Look at it",
    parameters={"type": "object", "properties": {"at": {"type": "string"}}},
)
GOOD: dict[str, Any] = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "Hi!"}]}, "finishReason": "STOP"}
    ],
    "usageMetadata": {
        "promptTokenCount": 4,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "totalTokenCount": 21,
    },
    "modelVersion": MODEL,
    "responseId": "r-1",
}


def model(name: str = MODEL) -> Model:
    """A text model's sheet."""
    listed = catalogued("google")
    return next(one for one in listed if (one.medium, one.id) == ("text", name))


def response(body: Any, status: int = 200) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), {"content-type": "application/json"})


def said(
    request: TextRequest, body: Any = GOOD, brief: Brief | None = None, provider: Provider = GOOGLE
) -> tuple[HttpRequest, TextAnswer]:
    """One call: what went out, and what came of the answer."""
    operation = provider.operation("text", Call)
    assert isinstance(operation, Call)
    exchange = operation.exchange(request, brief or Brief())
    answered = body if isinstance(body, HttpResponse) else response(body)
    sent, answer = replay(exchange, answered, explain=provider.explain)
    assert isinstance(answer, TextAnswer)
    return sent[0], answer


def test_a_question_is_answered_with_its_usage() -> None:
    """Thoughts are output, and what tools fetched is input."""
    sent, answer = said(TextRequest(model=MODEL, prompt="Say hi", system="Be brief"))
    assert sent.path == f"/v1beta/models/{MODEL}:generateContent"
    assert sent.json == {
        "contents": [{"role": "user", "parts": [{"text": "Say hi"}]}],
        "systemInstruction": {"parts": [{"text": "Be brief"}]},
    }
    assert answer.text == "Hi!"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (9, 12)
    assert answer.usage.reasoning_tokens == 10
    assert answer.request_id == "r-1"
    assert answer.provider_state == {}


def test_plain_options_are_translated_and_the_callers_own_win() -> None:
    """Objects are merged, so that one of our fields is not lost to one of theirs."""
    request = TextRequest(
        model=MODEL,
        prompt="Hi",
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        seed=1,
        stop=("x",),
        user="u",
        parallel_tool_calls=False,
        options={"generationConfig": {"candidateCount": 1}, "serviceTier": "flex"},
    )
    sent, answer = said(request)
    assert sent.json["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "seed": 1,
        "stopSequences": ("x",),
        "candidateCount": 1,
    }
    assert sent.json["serviceTier"] == "flex"
    assert [one.option for one in answer.warnings] == ["user", "parallel_tool_calls"]


def test_everything_can_be_shown() -> None:
    """Bytes travel inside, URLs are named with their type where it is known."""
    png = MediaBytes(data=b"\x89PNG", media_type="image/png; q=1")
    parts = (
        TextPart(text="What?"),
        ImagePart(image=png, detail="high"),
        AudioPart(audio=MediaUrl(url="https://x.test/a.wav")),
        VideoPart(video=MediaUrl(url="https://x.test/watch?v=1")),
        FilePart(file=MediaUrl(url="gs://b/o.bin", media_type="application/pdf")),
    )
    request = TextRequest(model=MODEL, messages=[UserMessage(content=parts, name="Ann")])
    sent, answer = said(request)
    assert sent.json["contents"][0]["parts"] == [
        {"text": "What?"},
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}},
        {"fileData": {"fileUri": "https://x.test/a.wav", "mimeType": "audio/wav"}},
        {"fileData": {"fileUri": "https://x.test/watch?v=1"}},
        {"fileData": {"fileUri": "gs://b/o.bin", "mimeType": "application/pdf"}},
    ]
    assert [one.option for one in answer.warnings] == ["messages.name", "messages.detail"]


@pytest.mark.parametrize(
    ("choice", "strict", "wanted"),
    [
        (None, None, None),
        ("auto", None, {"mode": "AUTO"}),
        ("auto", True, {"mode": "VALIDATED"}),
        ("none", None, {"mode": "NONE"}),
        ("required", None, {"mode": "ANY"}),
        (NamedTool(name="look"), None, {"mode": "ANY", "allowedFunctionNames": ["look"]}),
    ],
)
def test_tools_and_the_choice_among_them(choice: Any, strict: Any, wanted: Any) -> None:
    """Schemas go as they are; a tool without arguments has none."""
    tools = (LOOK.model_copy(update={"strict": strict}), Tool(name="wait"))
    sent, _ = said(TextRequest(model=MODEL, prompt="Hi", tools=tools, tool_choice=choice))
    declared = sent.json["tools"][0]["functionDeclarations"]
    assert declared[0]["parametersJsonSchema"] == LOOK.parameters
    assert declared[1] == {"name": "wait"}
    assert sent.json.get("toolConfig", {}).get("functionCallingConfig") == wanted


def test_structured_output_is_asked_by_its_schema() -> None:
    """Or just as JSON."""
    schema: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}
    sent, _ = said(TextRequest(model=MODEL, prompt="Hi", output=SchemaOutput(json_schema=schema)))
    assert sent.json["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    }
    sent, _ = said(TextRequest(model=MODEL, prompt="Hi", output=JsonOutput()))
    assert sent.json["generationConfig"] == {"responseMimeType": "application/json"}


@pytest.mark.parametrize(
    ("name", "effort", "wanted", "notices"),
    [
        (MODEL, "high", {"thinkingLevel": "HIGH", "includeThoughts": True}, []),
        (MODEL, "max", {"thinkingLevel": "HIGH", "includeThoughts": True}, ["option-rounded"]),
        (MODEL, "none", {"thinkingLevel": "LOW", "includeThoughts": False}, ["option-rounded"]),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0, "includeThoughts": False}, []),
        (
            "gemini-2.5-pro",
            "none",
            {"thinkingBudget": 128, "includeThoughts": False},
            ["option-imitated"],
        ),
        (
            "gemini-2.5-pro",
            "low",
            {"thinkingBudget": 1024, "includeThoughts": True},
            ["option-imitated"],
        ),
    ],
)
def test_effort_is_a_level_or_a_budget(
    name: str, effort: Any, wanted: Any, notices: list[str]
) -> None:
    """As the model's sheet says; what it does not know is the nearest, and said."""
    request = TextRequest(model=name, prompt="Hi", reasoning_effort=effort)
    sent, answer = said(request, brief=Brief(model=model(name)))
    assert sent.json["generationConfig"]["thinkingConfig"] == wanted
    assert [one.code for one in answer.warnings] == notices


def test_a_model_that_does_not_think_is_not_asked_to() -> None:
    """And the caller is told."""
    sheet = model().model_copy(update={"settings": {"thinking": "never"}})
    request = TextRequest(model="gemma", prompt="Hi", reasoning_effort="low")
    sent, answer = said(request, brief=Brief(model=sheet))
    assert "generationConfig" not in sent.json
    assert answer.warnings[0].option == "reasoning_effort"


SIGNED = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {
                        "functionCall": {"name": "look", "args": {"at": "a"}},
                        "thoughtSignature": "S1",
                    },
                    {"functionCall": {"name": "look", "args": {"at": "b"}}},
                ]
            },
            "finishReason": "STOP",
        }
    ]
}


def test_signed_thoughts_go_back_unchanged_with_the_tools_answers() -> None:
    """Calls without ids get ours, and their answers are sent in the order of the calls."""
    _, answer = said(TextRequest(model=MODEL, prompt="Look", tools=(LOOK,)), SIGNED)
    assert answer.reasoning == "Hm."
    assert [call.id for call in answer.tool_calls] == ["call_0", "call_1"]
    assert answer.finish.unified == "tool_calls"
    request = TextRequest(
        model=MODEL,
        messages=[
            UserMessage(content="Look"),
            AssistantMessage(tool_calls=answer.tool_calls, provider_state=answer.provider_state),
            ToolMessage(tool_call_id="call_1", content="two"),
            ToolMessage(tool_call_id="call_0", content='{"seen": 1}'),
            UserMessage(content="Well?"),
        ],
    )
    sent, _ = said(request)
    _, assistant, tools = sent.json["contents"]
    assert assistant == {"role": "model", "parts": SIGNED["candidates"][0]["content"]["parts"]}  # type: ignore[index]
    assert tools == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "look", "response": {"seen": 1}}},
            {"functionResponse": {"name": "look", "response": {"output": "two"}}},
            {"text": "Well?"},
        ],
    }


def test_another_models_calls_are_written_anew_with_a_stand_in_for_the_signature() -> None:
    """From Gemini 3 on the first call of a turn must have one."""
    request = TextRequest(
        model=MODEL,
        messages=[
            UserMessage(content="Look"),
            AssistantMessage(
                content="I will.",
                tool_calls=(ToolCall(id="toolu_1", name="look", arguments={"at": "a"}),),
                provider_state={"another": {"content": []}},
            ),
            ToolMessage(tool_call_id="toolu_1", content="broken", is_error=True),
        ],
    )
    sent, _ = said(request, brief=Brief(model=model()))
    assert sent.json["contents"][1]["parts"] == [
        {"text": "I will."},
        {"functionCall": {"name": "look", "args": {"at": "a"}}, "thoughtSignature": UNSIGNED},
    ]
    assert sent.json["contents"][2]["parts"] == [
        {"functionResponse": {"name": "look", "response": {"error": "broken"}}}
    ]
    sent, _ = said(request, brief=Brief(model=model("gemini-2.5-flash")))
    assert "thoughtSignature" not in sent.json["contents"][1]["parts"][1]


def test_the_models_own_ids_come_back_with_the_answers() -> None:
    """Where it gave one."""
    call = {"functionCall": {"name": "look", "args": {}, "id": "f1"}}
    body = {"candidates": [{"content": {"parts": [call]}, "finishReason": "STOP"}]}
    _, answer = said(TextRequest(model=MODEL, prompt="Look"), body)
    request = TextRequest(
        model=MODEL,
        messages=[
            UserMessage(content="Look"),
            AssistantMessage(tool_calls=answer.tool_calls, provider_state=answer.provider_state),
            ToolMessage(tool_call_id="f1", content="x"),
        ],
    )
    sent, _ = said(request)
    assert sent.json["contents"][2]["parts"][0]["functionResponse"]["id"] == "f1"


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "MODEL_ARMOR", "SPII"])
def test_an_answer_that_is_held_back_is_a_refusal(reason: str) -> None:
    """It is an answer all the same, with its word."""
    body = {"candidates": [{"content": {}, "finishReason": reason, "finishMessage": "No."}]}
    _, answer = said(TextRequest(model=MODEL, prompt="Hi"), body)
    assert (answer.finish.unified, answer.finish.raw) == ("content_filter", reason)
    assert answer.refusal == "No."
    assert answer.text == ""


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "SOMETHING_NEW"])
def test_a_blocked_prompt_is_refused(reason: str) -> None:
    """There is no candidate then; nothing was made."""
    body = {"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 4}}
    with pytest.raises(ContentRefused) as caught:
        said(TextRequest(model=MODEL, prompt="Hi"), body)
    assert caught.value.accepted == "no"


@pytest.mark.parametrize(
    ("raw", "unified"),
    [("MAX_TOKENS", "length"), ("MALFORMED_FUNCTION_CALL", "error"), ("NEW_WORD", "stop")],
)
def test_finish_words_are_unified_and_kept(raw: str, unified: str) -> None:
    """An unknown one means no more than that it stopped."""
    body = {"candidates": [{"content": {"parts": None}, "finishReason": raw, "extra": 1}]}
    _, answer = said(TextRequest(model=MODEL, prompt="Hi"), body)
    assert (answer.finish.unified, answer.finish.raw) == (unified, raw)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"candi', b"{}", b'{"candidates": []}', b'{"candidates": [null]}']
)
def test_an_answer_without_a_candidate_is_unreadable(body: bytes) -> None:
    """Whatever it is instead."""
    with pytest.raises(UnreadableResponse):
        said(TextRequest(model=MODEL, prompt="Hi"), HttpResponse(200, body))


def failure(status: int, word: str, message: str = "no", **details: Any) -> HttpResponse:
    """A failed answer in Google's form."""
    error: dict[str, Any] = {"code": status, "message": message, "status": word}
    if details:
        error["details"] = [details]
    return response({"error": error}, status)


PER_DAY = [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]


@pytest.mark.parametrize(
    ("answered", "error", "retryable"),
    [
        (failure(400, "INVALID_ARGUMENT"), RequestRejected, False),
        (
            failure(400, "INVALID_ARGUMENT", reason="API_KEY_INVALID"),
            AuthenticationFailed,
            False,
        ),
        (failure(400, "FAILED_PRECONDITION", "Enable billing first"), InsufficientCredits, False),
        (failure(401, "UNAUTHENTICATED"), AuthenticationFailed, False),
        (failure(403, "PERMISSION_DENIED"), AuthenticationFailed, False),
        (failure(403, "PERMISSION_DENIED", reason="BILLING_DISABLED"), InsufficientCredits, False),
        (
            failure(404, "NOT_FOUND", "models/x is not found for API version v1beta"),
            ModelUnavailable,
            False,
        ),
        (failure(404, "NOT_FOUND", "The model is no longer available"), ModelUnavailable, False),
        (failure(404, "NOT_FOUND", "Requested file was not found"), RequestRejected, False),
        (failure(409, "ABORTED"), ProviderUnavailable, True),
        (failure(429, "RESOURCE_EXHAUSTED"), RateLimited, True),
        (failure(429, "RESOURCE_EXHAUSTED", violations=PER_DAY), RateLimited, False),
        (
            failure(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted"),
            InsufficientCredits,
            False,
        ),
        (failure(500, "INTERNAL"), ProviderUnavailable, True),
        (failure(501, "UNIMPLEMENTED"), RequestRejected, False),
        (failure(503, "UNAVAILABLE", "The model is overloaded"), ProviderUnavailable, True),
        (HttpResponse(502, b"<html>"), ProviderUnavailable, True),
        (
            HttpResponse(200, b'{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}'),
            RateLimited,
            True,
        ),
    ],
)
def test_failures_are_told_apart(answered: HttpResponse, error: Any, retryable: bool) -> None:
    """By status, by reason, and by words where one status serves several."""
    with pytest.raises(error) as caught:
        said(TextRequest(model=MODEL, prompt="Hi"), answered)
    assert type(caught.value) is error
    assert caught.value.retryable is retryable


def test_the_wait_that_is_asked_for_is_kept() -> None:
    """There is no header; it stands among the details."""
    answered = failure(429, "RESOURCE_EXHAUSTED", retryDelay="23.5s")
    assert GOOGLE.explain(answered).retry_after == 23.5
    listed = HttpResponse(429, json.dumps([{"error": {"message": "slow down"}}]).encode())
    assert GOOGLE.explain(listed).message == "slow down"


def events(*bodies: Any) -> bytes:
    """A stream."""
    return b"".join(b"data: " + json.dumps(body).encode() + b"\r\n\r\n" for body in bodies)


def streaming(*bodies: Any) -> list[Any]:
    """What a stream comes to."""
    operation = GOOGLE.operation("text", Stream)
    assert isinstance(operation, Stream)
    request = TextRequest(model=MODEL, prompt="Hi")
    sent = operation.start(request, Brief())
    assert sent.path.endswith(":streamGenerateContent")
    assert sent.query == {"alt": "sse"}
    decoder = operation.decoder(request, Brief(), HttpResponse(200))
    return streamed(decoder, events(*bodies), 7)


def piece(part: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One event."""
    return {"candidates": [{"content": {"parts": [part]}, **more}]}


def test_a_streams_pieces_make_the_parts_that_go_back() -> None:
    """Texts are joined; a signature in an empty part stays by itself."""
    signature = {"text": "", "thoughtSignature": "S"}
    pieces = streaming(
        piece({"text": "a"}),
        piece({"text": "b"}),
        {"usageMetadata": {"promptTokenCount": 1}},
        piece(signature, finishReason="STOP"),
    )
    last = pieces[-1]
    assert isinstance(last, AnswerComplete)
    assert last.answer.text == "ab"
    assert last.answer.usage.input_tokens == 1
    assert last.answer.provider_state == {"google": {"parts": [{"text": "ab"}, signature]}}


def test_a_stream_that_fails_or_is_refused_or_cut_says_so() -> None:
    """In its middle, at its beginning, before its end."""
    with pytest.raises(ProviderUnavailable):
        streaming(piece({"text": "a"}), {"error": {"code": 503, "status": "UNAVAILABLE"}})
    with pytest.raises(ContentRefused):
        streaming({"promptFeedback": {"blockReason": "SAFETY"}})
    with pytest.raises(NetworkFailed):
        streaming(piece({"text": "a"}))


def test_vertex_keeps_our_name_as_a_label_and_pieces_under_its_own() -> None:
    """Its paths are filled in when the request is authorised."""
    request = TextRequest(model=MODEL, prompt="Hi")
    sent, answer = said(request, SIGNED, Brief(marker="att_1a"), VERTEX)
    place = "/v1beta1/projects/-/locations/-/publishers/google/models"
    assert sent.path == f"{place}/{MODEL}:generateContent"
    assert sent.json["labels"] == {"anymedia": "att_1a"}
    assert list(answer.provider_state) == ["vertex"]
    sent, _ = said(request, GOOD, Brief(marker="not a label!"), VERTEX)
    assert "labels" not in sent.json


def test_the_check_lists_the_models_of_every_page() -> None:
    """It costs nothing."""
    assert GOOGLE.check is not None
    pages = (
        response({"models": [{"name": "models/a"}, None], "nextPageToken": "p"}),
        response({"models": [{"name": "models/b"}]}),
    )
    sent, account = replay(GOOGLE.check(), *pages, explain=GOOGLE.explain)
    assert account.models == ("a", "b")
    assert sent[1].query["pageToken"] == "p"
