"""`/docs`: the OpenAPI as a page to read, made here, with nothing that is loaded from elsewhere.

An installation without the internet has it too, and nobody else's program runs beside the
operator's keys: there is no program on it at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
METHODS = ("get", "post", "put", "patch", "delete")
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{margin-bottom:0}h2{margin:2.2rem 0 .4rem;border-bottom:1px solid #ddd}p{max-width:48rem}
details{border:1px solid #e3e3e3;border-radius:6px;margin:.35rem 0;padding:.35rem .7rem}
summary{cursor:pointer}summary code{font-weight:600}summary span{color:#555;margin-left:.6rem}
b.get{color:#0a6}b.post{color:#06c}b.put,b.patch{color:#a60}b.delete{color:#b22}
b{display:inline-block;width:4.2rem;font-family:ui-monospace,monospace}
pre{background:#f6f6f6;padding:.7rem;overflow:auto;border-radius:4px}
table{border-collapse:collapse}td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}
code,pre{font:13px ui-monospace,monospace}a{color:#06c}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}pre{background:#222}
details{border-color:#333}h2{border-color:#333}summary span{color:#aaa}a{color:#6af}}
"""


def page(said: Mapping[str, Any], address: str) -> str:
    """The whole page. `address` is where whoever reads it has found the gateway."""
    tags: dict[str, list[str]] = {}
    for path, operations in said["paths"].items():
        for method in METHODS:
            if method in operations:
                one = operations[method]
                tags.setdefault(one["tags"][0], []).append(
                    operation(said, address, path, method, one)
                )
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(ones)}" for tag, ones in tags.items())
    info = said["info"]
    about = "".join(f"<p>{marked(part)}</p>" for part in info["description"].split("\n\n"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('summary', ''))} Version "
        f'{escape(info["version"])}; for programs: <a href="/openapi.json">OpenAPI</a>.</p>'
        f"{about}{body}</html>"
    )


def operation(
    said: Mapping[str, Any], address: str, path: str, method: str, one: Mapping[str, Any]
) -> str:
    """One operation, folded."""
    parts = [f"<p>{marked(one['description'])}</p>"] if one.get("description") else []
    if parameters := one.get("parameters"):
        parts.append(table(("Parameter", "in", ""), map(parameter, parameters)))
    content = one.get("requestBody", {}).get("content", {})
    if content:
        parts.append(
            f"<p>Takes {', '.join(f'<code>{escape(kind)}</code>' for kind in content)}.</p>"
        )
    parts.append(f"<pre>{escape(command(address, path, method, one, content))}</pre>")
    answers = (
        (status, resolved(said, answer).get("description", ""), kinds(resolved(said, answer)))
        for status, answer in one["responses"].items()
    )
    parts.append(table(("Answer", "", ""), answers))
    return (
        f'<details id="{escape(one["operationId"])}"><summary><b class="{method}">{method.upper()}</b>'
        f"<code>{escape(path)}</code><span>{marked(one['summary'])}</span></summary>"
        f"{''.join(parts)}</details>"
    )


def parameter(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """A parameter as a line."""
    described = one.get("description") or one.get("schema", {}).get("description", "")
    return one["name"], one["in"], described


def kinds(answer: Mapping[str, Any]) -> str:
    """Which types an answer comes in."""
    return ", ".join(answer.get("content", {}))


def command(
    address: str, path: str, method: str, one: Mapping[str, Any], content: Mapping[str, Any]
) -> str:
    """How to try it from a terminal."""
    for each in one.get("parameters", ()):
        if each["in"] == "path":
            path = path.replace(f"{{{each['name']}}}", str(each.get("example", "...")))
    words = ["curl"] + ([f"-X {method.upper()}"] if method != "get" and not content else [])
    words = words + ([f"-X {method.upper()}"] if content and method != "post" else [])
    words.append(f"{address}{path}")
    if one.get("security"):
        words.append('-H "Authorization: Bearer $KEY"')
    example = content.get("application/json", {}).get("example")
    if example is not None:
        body = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
        words += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(words)


def table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    """Lines under a head."""
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    rows = "".join(
        "<tr>" + "".join(f"<td>{marked(str(cell))}</td>" for cell in line) + "</tr>"
        for line in lines
    )
    return f"<table><tr>{top}</tr>{rows}</table>"


def marked(text: str) -> str:
    """Words with what stands in backticks as code."""
    pieces = escape(text).split("`")
    return "".join(
        f"<code>{piece}</code>" if place % 2 else piece for place, piece in enumerate(pieces)
    )


def resolved(said: Mapping[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to."""
    if "$ref" not in one:
        return one
    found: Any = said
    for step in one["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found  # type: ignore[no-any-return]  # a part of the description
