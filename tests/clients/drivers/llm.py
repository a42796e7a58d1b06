"""The `llm` command line, told of the gateway's models by `extra-openai-models.yaml`."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("llm")
FUNCTIONS = """
def weather(city: str) -> str:
    "Tell the weather somewhere."
    return f"8 degrees in {city}"
"""
CALLED = re.compile(r"^Tool call: (\w+)\((.*)\)$", re.MULTILINE)
USED = re.compile(r"^Token usage: (\d+) input, (\d+) output", re.MULTILINE)


@cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """Where it keeps what it is told and what it was asked; gone when this process ends."""
    return tempfile.TemporaryDirectory()


def said(address: str, model: str, prompt: str, *options: str) -> tuple[str, str]:
    """What it prints, on stdout and on stderr."""
    known = {
        "model_id": f"gateway/{model}",
        "model_name": model,
        "api_base": f"{address}/v1",
        "supports_schema": True,
        "supports_tools": True,
    }
    # JSON is YAML, too.
    Path(folder().name, "extra-openai-models.yaml").write_text(json.dumps([known]), "utf-8")
    ran = subprocess.run(  # the command beside this very Python
        [COMMAND, prompt, "--model", f"gateway/{model}", *options],
        env={**os.environ, "LLM_USER_PATH": folder().name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr.strip())
    return ran.stdout, ran.stderr


def chat(address: str, model: str, prompt: str) -> Any:
    """`llm PROMPT --no-stream --json`."""
    (logged,) = json.loads(said(address, model, prompt, "--no-stream", "--json")[0])
    answer = logged["response_json"]
    return {
        "text": logged["response"],
        "finish": answer["choices"][0]["finish_reason"],
        "model": answer["model"],
        "usage": [logged["input_tokens"], logged["output_tokens"]],
    }


def stream(address: str, model: str, prompt: str) -> Any:
    """`llm PROMPT --usage`: words are printed as they come."""
    words, remarks = said(address, model, prompt, "--usage")
    used = USED.search(remarks)
    assert used is not None, remarks
    return {"pieces": [words.removesuffix("\n")], "usage": [int(one) for one in used.groups()]}


def tools(address: str, model: str, prompt: str) -> Any:
    """`llm PROMPT --functions CODE`: it calls them itself."""
    words, remarks = said(address, model, prompt, "--functions", FUNCTIONS, "--tools-debug")
    calls = [[name, ast.literal_eval(given)] for name, given in CALLED.findall(remarks)]
    return {"calls": calls, "text": words.removesuffix("\n")}


def structured(address: str, model: str, prompt: str) -> Any:
    """`llm PROMPT --schema SCHEMA`."""
    return json.loads(said(address, model, prompt, "--schema", "name, people int")[0])
