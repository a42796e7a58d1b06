"""LangChain's classes for OpenAI: `ChatOpenAI` and `OpenAIEmbeddings`."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class City(BaseModel):
    """What a structured answer is about."""

    name: str
    people: int


def weather(city: str) -> str:
    """Tell the weather somewhere."""
    return f"8 degrees in {city}"


WEATHER: Any = tool(weather)


def model_of(address: str, model: str, **further: Any) -> Any:
    """The chat model, as the documentation has it for other servers."""
    return ChatOpenAI(
        model=model,
        base_url=f"{address}/v1",
        api_key="any",
        max_retries=0,
        stream_usage=True,
        **further,
    )


def chat(address: str, model: str, prompt: str) -> Any:
    """`invoke`."""
    answer = model_of(address, model).invoke(prompt)
    return told(answer, answer.response_metadata["finish_reason"])


def chat_by_responses(address: str, model: str, prompt: str) -> Any:
    """`invoke`, through `/v1/responses`."""
    answer = model_of(address, model, use_responses_api=True).invoke(prompt)
    return told(answer, answer.response_metadata["status"])


def told(answer: Any, finish: str) -> Any:
    """What a whole answer says."""
    return {
        "text": answer.text,
        "finish": finish,
        "model": answer.response_metadata["model_name"],
        "usage": counted(answer.usage_metadata),
    }


def stream(address: str, model: str, prompt: str) -> Any:
    """`stream`."""
    return pieces(model_of(address, model).stream(prompt))


def stream_by_responses(address: str, model: str, prompt: str) -> Any:
    """`stream`, through `/v1/responses`."""
    return pieces(model_of(address, model, use_responses_api=True).stream(prompt))


def pieces(stream: Any) -> Any:
    """What a stream says."""
    chunks = list(stream)
    (usage,) = [one.usage_metadata for one in chunks if one.usage_metadata]
    return {"pieces": [one.text for one in chunks if one.text], "usage": counted(usage)}


def tools_by_responses(address: str, model: str, prompt: str) -> Any:
    """`bind_tools`, through `/v1/responses`."""
    return called(model_of(address, model, use_responses_api=True), prompt)


def tools(address: str, model: str, prompt: str) -> Any:
    """`bind_tools`."""
    return called(model_of(address, model), prompt)


def called(model: Any, prompt: str) -> Any:
    """A call of a tool, and the words about its answer."""
    able = model.bind_tools([WEATHER])
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
    """`with_structured_output`, which sends a strict schema."""
    found = model_of(address, model).with_structured_output(City).invoke(prompt)
    assert isinstance(found, City)
    return found.model_dump()


def structured_by_tool(address: str, model: str, prompt: str) -> Any:
    """The same by a tool that has to be called, for models without schemas."""
    able = model_of(address, model).with_structured_output(City, method="function_calling")
    found = able.invoke(prompt)
    assert isinstance(found, City)
    return found.model_dump()


def embedding(address: str, model: str, texts: list[str]) -> Any:
    """`embed_documents`; texts go out as they are, not as numbers of OpenAI's own tokenizer."""
    embeddings = OpenAIEmbeddings(
        model=model,
        base_url=f"{address}/v1",
        api_key="any",
        max_retries=0,
        check_embedding_ctx_length=False,
    )
    return {"vectors": embeddings.embed_documents(texts)}


def counted(usage: Any) -> list[int]:
    """Tokens in and out."""
    return [usage["input_tokens"], usage["output_tokens"]]
