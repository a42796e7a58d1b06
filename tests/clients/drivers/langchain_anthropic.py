"""LangChain's class for Anthropic: `ChatAnthropic`."""

from __future__ import annotations

from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel


class City(BaseModel):
    """What a structured answer is about."""

    name: str
    people: int


def weather(city: str) -> str:
    """Tell the weather somewhere."""
    return f"8 degrees in {city}"


WEATHER: Any = tool(weather)


def model_of(address: str, model: str) -> Any:
    """The chat model, as the documentation has it for other servers."""
    return ChatAnthropic(
        model=model, base_url=address, api_key="any", max_retries=0, max_tokens=500
    )


def chat(address: str, model: str, prompt: str) -> Any:
    """`invoke`."""
    answer = model_of(address, model).invoke(prompt)
    return {
        "text": answer.text,
        "finish": answer.response_metadata["stop_reason"],
        "model": answer.response_metadata["model"],
        "usage": counted(answer.usage_metadata),
    }


def stream(address: str, model: str, prompt: str) -> Any:
    """`stream`; the pieces' counts add up."""
    chunks = list(model_of(address, model).stream(prompt))
    whole = chunks[0]
    for one in chunks[1:]:
        whole += one
    return {
        "pieces": [one.text for one in chunks if one.text],
        "usage": counted(whole.usage_metadata),
    }


def tools(address: str, model: str, prompt: str) -> Any:
    """`bind_tools`: the call, and the words about its answer."""
    able = model_of(address, model).bind_tools([WEATHER])
    messages: list[Any] = [HumanMessage(prompt)]
    asked = able.invoke(messages)
    messages.append(asked)
    messages += [
        ToolMessage(WEATHER.invoke(call["args"]), tool_call_id=call["id"])
        for call in asked.tool_calls
    ]
    return {
        "calls": [[call["name"], call["args"]] for call in asked.tool_calls],
        "text": able.invoke(messages).text,
    }


def structured(address: str, model: str, prompt: str) -> Any:
    """`with_structured_output` by a schema."""
    able = model_of(address, model).with_structured_output(City, method="json_schema")
    found = able.invoke(prompt)
    assert isinstance(found, City)
    return found.model_dump()


def structured_by_tool(address: str, model: str, prompt: str) -> Any:
    """The same by a tool that has to be called, as it does unless told otherwise."""
    found = model_of(address, model).with_structured_output(City).invoke(prompt)
    assert isinstance(found, City)
    return found.model_dump()


def counted(usage: Any) -> list[int]:
    """Tokens in and out."""
    return [usage["input_tokens"], usage["output_tokens"]]
