"""What a provider is made of.

An *operation* is one thing a provider can do for one kind of request: a `Call` answers at once,
a `Stream` answers bit by bit, a `Job` answers later. What stands in `Provider.operations` is
what it can do; tables, pages and listings are computed from it. Which *model* can do how much
is data, in `catalog/<name>.toml`.

The engine prepares a request before an adapter sees it:

- `request.model` is the provider's own model name;
- media are `MediaUrl` or `MediaBytes`, as `Provider.inputs` says that the provider takes them;
- aspect ratio, resolution, duration and the like are values the model has; options it does not
  have are gone (the caller has been warned); preset values are filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.event import StreamPiece
from anymedia.contracts.job import CancelOutcome, JobState
from anymedia.contracts.media import MediaBytes, MediaUrl, Medium
from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer
from anymedia.wire.auth import Auth
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, HttpRequest, HttpResponse
from anymedia.wire.sse import ServerEvent

RequestT = TypeVar("RequestT", bound=Request[Any])

# --- what an adapter is told besides the request --------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What the engine tells an adapter besides the request."""

    model: Model | None = None
    """The model's capability sheet; `None` for a model the catalogue does not list."""
    marker: str = ""
    """Our unguessable name of this attempt. Put it where the provider keeps a label, so that a
    lost submission can be found again."""
    callback_url: str | None = None
    """Where the provider may report; `None` when we cannot be reached."""


# --- jobs -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The provider has taken the work on."""

    handle: str
    """All that `poll` and `cancel` need: an id, or ids and URLs packed as the adapter likes."""
    state: JobState | None = None
    """Where it stands already, if the answer said so."""
    request_id: str | None = None
    reported_cost: Decimal | None = None
    """US dollars that the provider expects to charge, as an upper bound."""
    warnings: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often to ask. Intervals grow from `first` by `factor` up to `longest`."""

    first_seconds: float = 2.0
    factor: float = 1.4
    longest_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Repeat:
    """The provider honours an idempotency key: the same submission again is the same job."""

    header: str = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Lookup:
    """A lost submission can be looked for.

    `find` gets the brief it was sent with and the time it was sent, and returns it, or `None`
    when it is provably not there. If its absence proves nothing, set `proves_absence=False`.
    """

    find: Callable[[Brief, datetime], Exchange[Submitted | None]]
    proves_absence: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """A lost submission can only be learnt of by the provider's call to `callback_url`."""

    wait_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Nothing:
    """A lost submission stays lost: a person decides."""


Recovery: TypeAlias = Repeat | Lookup | Report | Nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A provider's call to our callback URL, understood."""

    handle: str
    state: JobState | None = None
    """`None` means: ask again, the call itself proves nothing."""


# --- operations -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """Answers at once."""

    request_type: type[Request[Any]]
    exchange: Callable[[Any, Brief], Exchange[Answer]]
    timeout_seconds: float = 600.0
    recovery: Recovery = field(default_factory=Nothing)
    dialect: str | None = None
    """Whose language it is, where several services speak it: `openai`, `anthropic`. What a caller
    says in that language can be passed on as it is."""

    @property
    def medium(self) -> Medium:
        return self.request_type.medium


class Decoder(Protocol):
    """Turns a provider's stream into ours: `feed` for every event, `end` once after the last.

    `end` (or the `feed` of the closing event) returns an `AnswerComplete`. A stream that was cut
    before its close must not: raise `NetworkFailed` from `end` instead.
    """

    def feed(self, event: ServerEvent) -> Iterable[StreamPiece]: ...
    def end(self) -> Iterable[StreamPiece]: ...


@dataclass(frozen=True, slots=True)
class Stream:
    """Answers bit by bit."""

    request_type: type[Request[Any]]
    start: Callable[[Any, Brief], HttpRequest]
    decoder: Callable[[Any, Brief, HttpResponse], Decoder]
    """Made when the head of the response is there; `HttpResponse.content` is empty then."""
    framing: Literal["sse", "lines"] = "sse"
    timeout_seconds: float = 600.0
    dialect: str | None = None
    """As for a `Call`."""

    @property
    def medium(self) -> Medium:
        return self.request_type.medium


@dataclass(frozen=True, slots=True)
class Job:
    """Answers later."""

    request_type: type[Request[Any]]
    submit: Callable[[Any, Brief], Exchange[Submitted]]
    poll: Callable[[str], Exchange[JobState]]
    cancel: Callable[[str], Exchange[CancelOutcome]] | None = None
    recovery: Recovery = field(default_factory=Nothing)
    pace: Pace = field(default_factory=Pace)
    timeout_seconds: float = 60.0
    """For the submission alone."""
    read_callback: Callable[[bytes, Headers], Callback] | None = None
    whole_handle: Callable[[str, Brief], str] | None = None
    """Makes a handle of what `read_callback` found, where a callback's bare id is not enough."""
    dialect: str | None = None
    """As for a `Call`."""

    @property
    def medium(self) -> Medium:
        return self.request_type.medium


Operation: TypeAlias = Call | Stream | Job

# --- the provider ---------------------------------------------------------------------------


class InProcess(Protocol):
    """A far end in this process; a module with these two functions is one as well.

    It is called in a thread. A `ConnectionError` is a connection that broke.
    """

    def respond(self, request: HttpRequest, now: datetime) -> HttpResponse:
        """The whole answer."""
        ...

    def stream(self, request: HttpRequest, now: datetime) -> tuple[HttpResponse, Iterator[bytes]]:
        """The head of the answer, and its body in pieces."""
        ...


Marking: TypeAlias = Literal["transparent", "white", "black"]
"""How a mask marks the place that may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """In which forms a provider takes media."""

    schemes: tuple[str, ...] = ("https",)
    """URL schemes it fetches itself; anything else is fetched by us and sent as bytes."""
    inline_bytes: int = 20 * 1024 * 1024
    """The largest file that may go inside a request; 0 when none may."""
    upload: Callable[[MediaBytes], Exchange[MediaUrl]] | None = None
    """For what is larger: puts it where the provider can reach it. Costs nothing."""
    upload_bytes: int = 200 * 1024 * 1024
    image_types: tuple[str, ...] = ("image/png", "image/jpeg", "image/webp")
    """Other pictures are converted to the first of these, with a warning."""
    mask: Marking = "transparent"
    """Masks that mark it otherwise are converted, with a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a free call to the provider tells of the account."""

    models: tuple[str, ...] = ()
    balance: Decimal | None = None
    unit: str = "USD"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How to reach a provider, and what it can do."""

    name: str
    title: str
    base_url: str
    auth: Auth
    operations: tuple[Operation, ...]
    explain: Callable[[HttpResponse], GenerationError]
    """What a failed response means. Never raises."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every authorised request."""
    located: Callable[[Mapping[str, str]], str | None] | None = None
    """Another base URL for some settings, such as a region; `None` for the usual one."""
    hosts: tuple[str, ...] = ()
    """Further hosts of its own that may get its key over https; `.acme.example` is all below it."""
    inputs: Inputs = field(default_factory=Inputs)
    check: Callable[[], Exchange[Account]] | None = None
    """A call that costs nothing and shows that provider and credentials work."""
    catalog: str | None = None
    """Name of its file in `catalog/`; its own name unless said."""
    models: tuple[Model, ...] = ()
    """Its capability sheets, for a provider that does not come with a file of ours
    (`anymedia.providers.catalog.models` reads the same TOML)."""
    docs: str = ""
    in_process: str | InProcess | None = None
    """Who answers its requests without a network: the name of a module, such as that of `echo`,
    which is imported when it is first asked, or an object."""

    def operation(self, medium: Medium, *kinds: type[Operation]) -> Operation | None:
        """What it does for a medium, preferring the kinds in the order they are named."""
        for kind in kinds or (Call, Job, Stream):
            for operation in self.operations:
                if operation.medium == medium and isinstance(operation, kind):
                    return operation
        return None

    @property
    def media(self) -> tuple[Medium, ...]:
        """What it can make, in the order of its operations."""
        return tuple(dict.fromkeys(operation.medium for operation in self.operations))
