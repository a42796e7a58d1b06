"""How requests to Vertex AI prove who sends them, and on which project's account.

Paths are written with `-` for project and location; both are filled in here, where the
configuration is known. With nothing but a key (express mode) they are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from anymedia.contracts.errors import MissingKey
from anymedia.providers.adapters.vertex.credentials import UNKNOWN_SECONDS, credentials, grant
from anymedia.wire.auth import Secret, Token
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest

GLOBAL = "global"
PLACE = re.compile(r"/projects/-/locations/[^/]+")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,99}")
"""What projects and locations are called; nothing else gets into a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Secret):
    """A secret that several others can stand in for, each by itself."""

    others: tuple[tuple[str, ...], ...] = ()

    def missing_from(self, given: Mapping[str, str]) -> bool:
        """Whether neither it nor any of those is there."""
        ways = ((self.name,), *self.others)
        return not any(all(given.get(name) for name in way) for way in ways)


PAIR = ("client_email", "private_key")


class GoogleCloud:
    """A bearer token of Google Cloud's, or a key."""

    secrets = (
        OneOf(
            name="credentials",
            environment=("GOOGLE_CREDENTIALS",),
            others=(("api_key",), ("access_token",), PAIR),
        ),
        OneOf(
            name="project",
            environment=("GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT"),
            others=(("api_key",), ("credentials",)),
        ),
        Secret(
            name="location",
            environment=("GOOGLE_CLOUD_LOCATION", "GOOGLE_VERTEX_LOCATION"),
            required=False,
        ),
        Secret(environment=("GOOGLE_VERTEX_API_KEY",), required=False),
        Secret(name="access_token", environment=("CLOUDSDK_AUTH_ACCESS_TOKEN",), required=False),
        Secret(name="client_email", environment=("GOOGLE_CLIENT_EMAIL",), required=False),
        Secret(name="private_key", environment=("GOOGLE_PRIVATE_KEY",), required=False),
        Secret(name="private_key_id", environment=("GOOGLE_PRIVATE_KEY_ID",), required=False),
    )

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        """With the token and the place, or with the key."""
        if not secrets.get("token"):
            path = PLACE.sub("", request.path, count=1)
            return replace(request, path=path).with_headers(
                {"x-goog-api-key": secrets.get("api_key", "")}
            )
        found = credentials(secrets)
        headers = {"Authorization": f"Bearer {secrets['token']}"}
        if found is not None and found.file.quota_project_id:
            headers["x-goog-user-project"] = found.file.quota_project_id
        path = request.path
        if "/projects/-/" in path:
            project = secrets.get("project") or (found.project if found is not None else None)
            path = path.replace("/projects/-/", f"/projects/{named(project, 'project')}/", 1)
        location = named(secrets.get("location") or GLOBAL, "location")
        path = path.replace("/locations/-/", f"/locations/{location}/", 1)
        return replace(request, path=path).with_headers(headers)

    def grant(self, secrets: Mapping[str, str], now: datetime) -> Exchange[Token]:
        """A token, the one that was handed out, or none where a key is all there is."""
        found = credentials(secrets)
        if found is not None:
            return (yield from grant(found, now))
        ends = now + timedelta(seconds=UNKNOWN_SECONDS)
        return Token(value=secrets.get("access_token", ""), expires_at=ends)


def named(value: str | None, what: str) -> str:
    """A project or location that can stand in a path."""
    if value is None or not NAME.fullmatch(value):
        raise MissingKey(
            f"the {what} for Vertex AI is {'not set' if not value else 'not a name'}. Set "
            f"`GOOGLE_CLOUD_{what.upper()}`, or `secrets.{what}` in the configuration"
        )
    return value


def located(secrets: Mapping[str, str]) -> str | None:
    """The host of a region; what is `global` has the usual one."""
    location = secrets.get("location") or GLOBAL
    if location == GLOBAL or not NAME.fullmatch(location):
        return None  # what is no name is told when it is first needed
    return f"https://{location}-aiplatform.googleapis.com"
