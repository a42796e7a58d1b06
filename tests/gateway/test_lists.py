"""Lists of jobs over HTTP: narrowed down, and page by page."""

from __future__ import annotations

import re

import httpx

from tests.gateway.serving import Running

FAST = {"delay_seconds": 0}


def made(caller: httpx.Client, count: int, **fields: object) -> list[str]:
    """So many pictures' jobs, the newest first."""
    jobs = []
    for number in range(count):
        body = {"prompt": f"fox {number}", "options": FAST, **fields}
        jobs.append(caller.post("/api/ai/image", json=body).json()["job_id"])
    return jobs[::-1]


def test_a_page_says_where_the_next_is(anyone: httpx.Client) -> None:
    """In the body, and as a link that keeps what else was said."""
    ids = made(anyone, 5, tags=["paged"])
    found: list[str] = []
    url: str | None = "/api/jobs?tag=paged&limit=2&status=succeeded&since=1h&provider=echo"
    pages = 0
    while url is not None:
        answer = anyone.get(url)
        assert answer.status_code == 200, answer.text
        found += [one["id"] for one in answer.json()["jobs"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
        assert (link is None) == (answer.json()["next"] is None)
        url = link[1] if link else None
        pages += 1
    assert (found, pages) == (ids, 3)
    after = anyone.get("/api/jobs", params={"tag": "paged", "after": ids[3]}).json()
    assert ([one["id"] for one in after["jobs"]], after["next"]) == (ids[4:], None)


def test_what_cannot_be_meant_is_refused(anyone: httpx.Client) -> None:
    """Each with a word on what was expected."""
    for query in ("limit=0", "limit=501", "after=x", "since=soon", "status=done", "after="):
        answer = anyone.get(f"/api/jobs?{query}")
        assert answer.status_code in {400, 422}, (query, answer.text)
    assert anyone.get("/api/jobs?after=job_nobody").status_code == 404


def test_administrators_see_the_jobs_of_a_key(keyed_gateway: Running, admin: httpx.Client) -> None:
    """Nobody else does: not even their own that way."""
    name, secret = keyed_gateway.key()
    with keyed_gateway.caller(secret) as team:
        ids = made(team, 2)
        listed = [one["id"] for one in team.get("/api/jobs").json()["jobs"]]
        assert listed == ids
        assert team.get(f"/api/jobs?owner={name}").status_code == 403
        found = admin.get("/api/jobs", params={"owner": name}).json()["jobs"]
        assert [one["id"] for one in found] == ids
        assert ids[0] not in [one["id"] for one in admin.get("/api/jobs").json()["jobs"]]


def test_clips_are_listed_page_by_page_in_both_orders(anyone: httpx.Client) -> None:
    """As OpenAI's clients ask for them, among jobs of other kinds."""
    ids = []
    for number in range(3):
        body = {"prompt": f"clip {number}", "duration_seconds": 1, "options": FAST}
        ids.append(anyone.post("/api/ai/video", json=body).json()["job_id"])
        made(anyone, 1)
    for order, expected in (("desc", ids[::-1]), ("asc", ids)):
        found: list[str] = []
        more, after = True, ""
        while more:
            page = anyone.get(f"/v1/videos?limit=1&order={order}{after}").json()
            found += [one["id"] for one in page["data"]]
            more, after = page["has_more"], f"&after={found[-1]}"
        assert [one for one in found if one in ids] == expected
    assert anyone.get("/v1/videos?after=job_nobody").status_code == 404
