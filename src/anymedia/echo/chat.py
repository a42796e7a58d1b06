"""Text: a conversation in, an answer out, whole or in pieces."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from anymedia.echo.chance import Chance
from anymedia.echo.inputs import media
from anymedia.echo.invented import invented
from anymedia.echo.looking import described
from anymedia.echo.refusal import invalid
from anymedia.echo.replies import reasoning, reply
from anymedia.echo.script import Script, refuse_forbidden
from anymedia.echo.words import content_words, cut, tokens

MODEL = "hello-1"
IMAGE_TOKENS = 85
"""What a picture counts for."""
VERBS = frozenset(
    "get set find list fetch make create do run call lookup look search the a of".split()
)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a message."""

    type: str
    text: str = ""
    image: str = ""
    audio: str = ""
    video: str = ""
    file: str = ""
    filename: str | None = None

    @property
    def attached(self) -> str:
        """The medium's data URI; empty for text."""
        return self.image or self.audio or self.video or self.file


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's turn."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | tuple[Part, ...] | None = None
    name: str | None = None
    is_error: bool = False

    @property
    def parts(self) -> tuple[Part, ...]:
        """The content as parts."""
        if isinstance(self.content, str):
            return (Part(type="text", text=self.content),)
        return self.content or ()

    @property
    def text(self) -> str:
        """Its words alone."""
        return "\n".join(part.text for part in self.parts if part.text)


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that may be asked for."""

    name: str
    parameters: dict[str, Any] = {}


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly this tool."""

    name: str


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """Structured output."""

    type: Literal["json", "schema"]
    json_schema: dict[str, Any] = {}


class TextBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str | Named | None = None
    parallel_tool_calls: bool | None = None
    output: Output | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_effort: str | None = None

    @property
    def prompt(self) -> str:
        """The last that the user said."""
        return next((one.text for one in reversed(self.messages) if one.role == "user"), "")

    @property
    def chance(self) -> Chance:
        """What varies: with the seed, and not at all at temperature 0."""
        return Chance("text", 0 if self.temperature == 0 else self.seed, self.prompt)


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool asked for."""

    id: str
    name: str
    arguments: str
    """JSON."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted."""

    input_tokens: int
    output_tokens: int
    reasoning_tokens: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    id: str
    text: str
    finish: str
    usage: Usage
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    model: str = MODEL
    cost: str | None = None


def answer(body: TextBody, script: Script, id_: str) -> Said:
    """Everything echo has to say."""
    if not body.messages:
        raise invalid("`messages` is empty")
    refuse_forbidden(*(message.text for message in body.messages))
    thought = thinking(body)
    calls = tool_calls(body, id_)
    text = "" if calls else stopped(written(body, script), body.stop)
    finish = "tool_calls" if calls else "stop"
    if body.max_output_tokens is not None and tokens(text) > body.max_output_tokens:
        text, finish = cut(text, body.max_output_tokens), "length"
    reasoning_tokens = tokens(thought or "")
    spoken = tokens(text) + sum(tokens(call.name + call.arguments) for call in calls)
    return Said(
        id=id_,
        text=text,
        finish=finish,
        reasoning=thought,
        tool_calls=calls,
        usage=Usage(
            input_tokens=sum(map(counted, body.messages)) + tokens(schemas(body)),
            output_tokens=spoken + reasoning_tokens,
            reasoning_tokens=reasoning_tokens,
        ),
        cost=script.reported,
    )


def counted(message: Message) -> int:
    """The tokens that a message counts for."""
    attachments = sum(1 for part in message.parts if part.attached)
    return tokens(message.text) + IMAGE_TOKENS * attachments + 1


def schemas(body: TextBody) -> str:
    """The tools as they would stand in a prompt."""
    return msgspec.json.encode(body.tools).decode() if body.tools else ""


def thinking(body: TextBody) -> str | None:
    """What it thinks, if it was asked to."""
    if body.reasoning_effort in {None, "none"}:
        return None
    return reasoning(body.prompt, str(body.reasoning_effort))


def stopped(text: str, stops: tuple[str, ...]) -> str:
    """The text up to the first of the stop sequences."""
    ends = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return text[: min(ends)] if ends else text


def written(body: TextBody, script: Script) -> str:
    """The answer's words."""
    last = body.messages[-1]
    if script.reply is not None:
        return script.reply
    if body.output is not None:
        return structured(body.output, body)
    if last.role == "tool":
        return after_tools(body)
    seen = [
        described(part.type, media(part.attached, part.type), part.filename)
        for part in last.parts
        if part.attached
    ]
    return "\n\n".join([*seen, reply(body.prompt, body.chance)] if body.prompt else seen)


def structured(output: Output, body: TextBody) -> str:
    """JSON that fits."""
    schema = output.json_schema or {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "words": {"type": "array"}},
    }
    return msgspec.json.encode(invented(schema, body.prompt, body.chance)).decode()


def after_tools(body: TextBody) -> str:
    """What the tools said, in a sentence each."""
    answers: list[Message] = []
    for message in reversed(body.messages):
        if message.role != "tool":
            break
        answers.insert(0, message)
    sentences = [
        f"{f'`{one.name}`' if one.name else 'The tool'} "
        f"{'failed and says' if one.is_error else 'says'}: {one.text.strip()}"
        for one in answers
    ]
    return "\n".join(sentences)


def tool_calls(body: TextBody, id_: str) -> tuple[ToolCall, ...]:
    """The tools that the last message makes echo ask for."""
    if not body.tools or body.tool_choice == "none" or body.messages[-1].role != "user":
        return ()
    mentioned = [tool for tool in body.tools if is_mentioned(tool.name, body.prompt)]
    match body.tool_choice:
        case Named(name=name):
            chosen = [tool for tool in body.tools if tool.name == name]
            if not chosen:
                raise invalid(f"`tool_choice` names `{name}`, which is not among the tools")
        case "required":
            chosen = mentioned or [body.tools[0]]
        case _:
            chosen = mentioned
    if body.parallel_tool_calls is False:
        chosen = chosen[:1]
    return tuple(
        ToolCall(
            id=f"call_{id_[-12:]}_{number}",
            name=tool.name,
            arguments=arguments(tool, body),
        )
        for number, tool in enumerate(chosen)
    )


def is_mentioned(name: str, prompt: str) -> bool:
    """Whether a prompt speaks of a tool: by its name, or by every word in it that says something."""
    if name.lower() in prompt.lower():
        return True
    pieces = re.findall(r"[a-z]+|[A-Z][a-z]*", name)
    telling = {piece.lower() for piece in pieces} - VERBS
    return bool(telling) and telling <= {word.lower() for word in content_words(prompt)}


def arguments(tool: Tool, body: TextBody) -> str:
    """Arguments that fit the tool's schema, as JSON."""
    schema = {"type": "object", **tool.parameters}
    return msgspec.json.encode(invented(schema, body.prompt, body.chance)).decode()


# --- in pieces ------------------------------------------------------------------------------


def event(kind: str, /, **data: Any) -> bytes:
    """One server-sent event."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))


def pieces(said: Said, script: Script) -> Iterator[bytes]:
    """The answer word by word, with the pauses and breaks that the script asks for."""
    spoken = list(spoken_events(said))
    middle = len(spoken) // 2
    yield event("answer-start", id=said.id, model=said.model)
    for number, one in enumerate(spoken):
        if number == middle:
            if script.stall_stream > 0:
                time.sleep(script.stall_stream)
            if script.cut_stream == "reset":
                raise ConnectionResetError("echo broke the stream, as asked")
            if script.cut_stream:
                return
        if number and script.word_seconds > 0:
            time.sleep(script.word_seconds)
        yield one
    facts = {} if said.cost is None else {"cost": said.cost}
    yield event("answer-end", finish=said.finish, usage=msgspec.to_builtins(said.usage), **facts)


def spoken_events(said: Said) -> Iterator[bytes]:
    """Reasoning, text and tool calls, in that order."""
    for piece in re.findall(r"\S+\s*|\s+", said.reasoning or ""):
        yield event("reasoning", text=piece)
    for piece in re.findall(r"\S+\s*|\s+", said.text):
        yield event("text", text=piece)
    for index, call in enumerate(said.tool_calls):
        yield event("tool-call", index=index, id=call.id, name=call.name)
        for start in range(0, len(call.arguments), 24):
            yield event("tool-arguments", index=index, arguments=call.arguments[start : start + 24])
