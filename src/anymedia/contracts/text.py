"""Text: messages in (with pictures, sound and files), words and tool calls out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, GetJsonSchemaHandler, JsonValue, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Media, Medium
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer, Result

# --- what goes in ---------------------------------------------------------------------------


class TextPart(Contract):
    """Words."""

    type: Literal["text"] = "text"
    text: str


class ImagePart(Contract):
    """A picture to look at."""

    type: Literal["image"] = "image"
    image: Media
    detail: Literal["auto", "low", "high", "original"] | None = None


class AudioPart(Contract):
    """Sound to listen to."""

    type: Literal["audio"] = "audio"
    audio: Media


class VideoPart(Contract):
    """A clip to watch."""

    type: Literal["video"] = "video"
    video: Media


class FilePart(Contract):
    """A document to read, usually a PDF."""

    type: Literal["file"] = "file"
    file: Media
    filename: str | None = None


Part: TypeAlias = Annotated[
    TextPart | ImagePart | AudioPart | VideoPart | FilePart, Field(discriminator="type")
]


class ToolCall(Contract):
    """The model asks for a tool to be run."""

    id: str
    name: str
    arguments: dict[str, Any]
    raw_arguments: str | None = None
    """What the model wrote, where that is not a JSON object."""


class SystemMessage(Contract):
    """How the model should behave."""

    role: Literal["system"] = "system"
    content: str


class UserMessage(Contract):
    """What the user says and shows."""

    role: Literal["user"] = "user"
    content: str | tuple[Part, ...]
    name: str | None = None

    def parts(self) -> tuple[Part, ...]:
        """The content as parts, however it was written."""
        return (TextPart(text=self.content),) if isinstance(self.content, str) else self.content


class AssistantMessage(Contract):
    """What the model said before."""

    role: Literal["assistant"] = "assistant"
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: str | None = None
    provider_state: dict[str, Any] = Field(default_factory=dict)
    """Opaque pieces, by provider, that it wants back unchanged in the next turn."""


class ToolMessage(Contract):
    """What a tool answered."""

    role: Literal["tool"] = "tool"
    tool_call_id: str
    content: str
    name: str | None = None
    is_error: bool = False


Message: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


def no_arguments() -> dict[str, JsonValue]:
    """The schema of a tool that takes none."""
    return {"type": "object", "properties": {}}


class Tool(Contract):
    """A function the model may ask for."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=no_arguments)
    """JSON Schema of the arguments."""
    strict: bool | None = None


class NamedTool(Contract):
    """Exactly this tool."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | NamedTool


class JsonOutput(Contract):
    """Any JSON object."""

    type: Literal["json"] = "json"


class SchemaOutput(Contract):
    """JSON that follows a schema."""

    type: Literal["schema"] = "schema"
    json_schema: dict[str, JsonValue]
    name: str = Field(default="answer", pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    strict: bool = True


OutputFormat: TypeAlias = Annotated[JsonOutput | SchemaOutput, Field(discriminator="type")]
ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class TextRequest(Request["TextResult"]):
    """Words wanted."""

    medium: ClassVar[Medium] = "text"

    messages: tuple[Message, ...] = Field(min_length=1)
    """The conversation so far. `prompt="..."` stands for a single user message, `system="..."`
    for one before all others."""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    """Structured output."""
    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_effort: ReasoningEffort | None = None
    user: str | None = None
    """Whom the provider should hold to account, as an opaque id."""

    if TYPE_CHECKING:
        # The two that stand for messages are no fields, so type checkers have to be told.
        def __init__(
            self, *, prompt: Any = None, system: str | None = None, **fields: Any
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _prompt_is_a_message(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value.keys() & {"prompt", "system"}:
            return value
        rest = {k: v for k, v in value.items() if k not in {"prompt", "system"}}
        given = rest.get("messages") or ()
        if not isinstance(given, (list, tuple)):
            return rest  # and let the field say what it expects
        messages = list(given)
        if value.get("system") is not None:
            messages.insert(0, {"role": "system", "content": value["system"]})
        if value.get("prompt") is not None:
            messages.append({"role": "user", "content": value["prompt"]})
        return {**rest, "messages": messages}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the two fields that stand for messages."""
        described = handler.resolve_ref_schema(handler(schema))
        described["properties"] |= {
            "prompt": {"type": "string", "description": "Stands for a single user message."},
            "system": {"type": "string", "description": "Stands for a first system message."},
        }
        described["required"] = [n for n in described.get("required", ()) if n != "messages"]
        described["anyOf"] = [{"required": ["messages"]}, {"required": ["prompt"]}]
        return described

    def system(self) -> str | None:
        """All system messages as one text, for providers that keep it apart."""
        texts = [m.content for m in self.messages if isinstance(m, SystemMessage)]
        return "\n\n".join(texts) or None

    def conversation(self) -> tuple[UserMessage | AssistantMessage | ToolMessage, ...]:
        """The messages without the system's."""
        return tuple(m for m in self.messages if not isinstance(m, SystemMessage))


# --- what comes out -------------------------------------------------------------------------

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "error"]


class Finish(Contract):
    """Why the model stopped: in one vocabulary, and in the provider's own word."""

    unified: FinishReason
    raw: str | None = None


class TextAnswer(Answer):
    """Words from one provider."""

    text: str = ""
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish
    provider_state: dict[str, Any] = Field(default_factory=dict)


class TextResult(Result):
    """Words, tool calls, and why it stopped."""

    text: str = ""
    reasoning: str | None = None
    refusal: str | None = None
    """What the model said instead, when it refused."""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Finish
    parsed: Any = None
    """The structured output as Python values, when one was asked for."""
    provider_state: dict[str, Any] = Field(default_factory=dict)

    @property
    def message(self) -> AssistantMessage:
        """This answer as a message, to go on with the conversation."""
        return AssistantMessage(
            content=self.text or None,
            tool_calls=self.tool_calls,
            reasoning=self.reasoning,
            provider_state=self.provider_state,
        )


TextRequest.result_type = TextResult
