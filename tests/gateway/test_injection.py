"""What callers say never becomes a header of an answer."""

from __future__ import annotations

import httpx

NASTY = "x\r\nX-Forged: 1\r\n\r\n<script>"


def unforged(answer: httpx.Response) -> bool:
    """Whether all its headers are ours."""
    said = {name.lower(): value for name, value in answer.headers.items()}
    return "x-forged" not in said and "forged" not in "".join(said.values()).lower().replace(
        "%0d%0ax-forged", ""
    )


def test_a_page_of_a_list_is_followed_by_an_address_that_ends_where_it_should(
    anyone: httpx.Client,
) -> None:
    """`Link` repeats what was asked for, and nothing in it ends the header."""
    for _ in range(2):
        said = {"prompt": "a fox", "quality": "draft", "tags": [NASTY]}
        made = anyone.post("/api/ai/image", json=said, headers={"Prefer": "respond-async"})
        assert made.status_code == 202
        assert unforged(made)
    page = anyone.get("/api/jobs", params={"limit": 1, "tag": NASTY})
    assert page.status_code == 200
    assert "%0D%0A" in page.headers["link"]
    assert unforged(page)


def test_an_id_that_is_no_word_is_not_repeated(anyone: httpx.Client) -> None:
    """Whoever wants to be found in the log says one word."""
    for said in ("two words", 'x"y', "x\tX-Forged", "é", "x" * 200):
        answer = anyone.get("/livez", headers={b"X-Request-Id": said.encode()})
        assert answer.headers["x-request-id"].startswith("req_")
        assert unforged(answer)


def test_nothing_of_a_path_or_a_refused_word_is_a_header(anyone: httpx.Client) -> None:
    """In any dialect."""
    for path in ("/api/jobs/%0d%0aX-Forged:%201", "/v1/models/%0d%0aX-Forged:%201"):
        assert unforged(anyone.get(path))
    for path in ("/api/ai/text", "/v1/chat/completions", "/v1/messages"):
        assert unforged(anyone.post(path, json={"model": NASTY, "prompt": "hi"}))
