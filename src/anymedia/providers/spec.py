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

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import Raw

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.event import StreamPiece
from anymedia.contracts.job import CancelOutcome, JobState
from anymedia.contracts.media import MediaBytes, MediaUrl, Medium
from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice
from anymedia.contracts.problem import Problem
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer
from anymedia.contracts.usage import Usage
from anymedia.wire.auth import Auth
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, HttpRequest, HttpResponse
from anymedia.wire.large import Body
from anymedia.wire.signature import Signature
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
    requests: int | None = None
    """Of an order of many: how many questions it has."""
    callback_url: str | None = None
    """Where the provider may report; `None` when we cannot be reached."""
    callback_secret: str | None = None
    """What it should sign its reports with, for providers that are told so with each request."""


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
    appears_within_seconds: float = 0.0
    """For how long after it was sent it may still be found, of orders of many."""


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
    """`None` means: ask again, the call itself proves nothing. Heeded of signed calls only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """How a provider's calls are told from anybody else's, and what they are good for.

    Which attempt a call is about is known by the token in its URL, one for each attempt. A call to
    the URL without one must be signed, and is matched by the handle that `read_callback` finds.
    Without `signature` the token alone tells who calls, and the call only makes us ask.
    """

    signature: Signature | None = None
    key_set: str | None = None
    """Where the public keys are that calls are signed with; fixed, never what a call names. Who
    stands in for the provider (`base_url`) has them at the same path."""
    secret: Callable[[], Exchange[str]] | None = None
    """Asks for the account's secret. Without both, it is what is configured: `webhook_secret`."""
    always: bool = True
    """Whether every call is signed once there is a key: one that is not is then a forgery."""
    reliable: bool = False
    """Whether lost calls are sent again; while such calls come, polling is only a safety net."""
    challenge: Callable[[bytes], bytes | None] | None = None
    """The answer to a call by which the provider makes sure that somebody is there, if it is one."""


# --- what is passed on as it is -------------------------------------------------------------


class Receipt(msgspec.Struct, kw_only=True):
    """What has to be known of an answer that was passed on without being understood."""

    counts: dict[str, int]
    """What was consumed and said so, by the names that `Usage` has for whole numbers."""
    raw: Any = None
    """The provider's own words on it: an object, or its JSON as a `Raw`."""
    reported_cost: Decimal | None = None
    model: str | None = None
    request_id: str | None = None
    answer: dict[str, Raw] = {}
    """The whole answer's fields, as they were written, for who signs it."""

    @property
    def usage(self) -> Usage:
        """The same as a contract."""
        raw = msgspec.json.decode(self.raw) if isinstance(self.raw, Raw) else self.raw
        return Usage(**self.counts, raw=raw or {})


class Listener(Protocol):
    """Hears a stream that is passed on as it comes, for the sake of its receipt."""

    def feed(self, chunk: bytes) -> bytes:
        """What goes on to the caller of this; whole events only. Raises a failure it tells."""
        ...

    def end(self) -> Receipt:
        """After the last chunk. `NetworkFailed` where the stream was cut."""
        ...

    def last(self, name: str, cost: Decimal | None) -> bytes:
        """The events that waited for who gave the answer, and for its price in US dollars."""
        ...


Fields: TypeAlias = "Mapping[str, Raw]"
"""A body's fields by name, each as it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """How a conversation in a caller's own dialect is passed on as it is, without translation.

    Only what needs none may go this way; whatever else there is takes the long one.
    """

    path: str
    """Where a question goes, relative to the provider's base URL."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What goes with every question."""
    suits: Callable[[Fields, Model | None], bool]
    """Whether nothing in a body has to be reworded, rounded or fetched for this model."""
    ask: Callable[[bytes, Fields, str], Body]
    """The body, from the one that came and its fields, for the model that is asked in the end."""
    most: Callable[[Fields], int | None]
    """How many tokens may be written at most, where the body says so."""
    read: Callable[[HttpResponse], Receipt]
    """A whole answer's receipt. Raises the failure that a 200 may hold."""
    signed: Callable[[Fields, str, Decimal | None], bytes]
    """A whole answer with the `provider/model` that gave it, and what that cost in US dollars."""
    listen: Callable[[Fields, HttpResponse, str], Listener]
    """Hears the answer as it comes, from `provider/model`, who stands in every event that names
    one; the head is there already."""


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
    further_dialects: tuple[str, ...] = ()
    """Others that it speaks besides, where `options` say so: `openai-responses`."""
    relay: Relay | None = None
    """How, where the whole body can."""
    count: Callable[[Any, Brief], Exchange[int]] | None = None
    """Asks how many tokens a question has, by a call that costs nothing."""

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
    further_dialects: tuple[str, ...] = ()
    """As for a `Call`."""
    relay: Relay | None = None
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
    further_dialects: tuple[str, ...] = ()
    """As for a `Call`."""
    poll_many: Callable[[Sequence[str]], Exchange[Mapping[str, JobState]]] | None = None
    """How many stand, in one conversation, for providers that list or take several ids. What it
    does not find is asked about by itself."""
    poll_many_at_once: int = 100

    @property
    def medium(self) -> Medium:
        return self.request_type.medium


Operation: TypeAlias = Call | Stream | Job

# --- many at once, for less -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder:
    """Questions for one batch, as their bodies would be asked alone."""

    marker: str
    """Our unguessable name of it. Put it where the provider keeps a label."""
    model: str
    group: str
    """What `Batch.group` said of each of them."""
    lines: tuple[tuple[str, Any], ...] = field(repr=False)
    """Our id of each, short and plain, and its body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """How a batch stands at its provider."""

    status: Literal["running", "ended"]
    expired: bool = False
    """Ended by its time: what has no reply was not got to, and costs nothing."""
    cancelled: bool = False
    """Ended because it was cancelled; the same holds."""
    done: int | None = None
    results: str = ""
    """All that `Batch.results` needs, once it has ended."""
    problem: Problem | None = None
    """Why nothing of it was done at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReply:
    """What became of one question."""

    line: str
    """Our id of it."""
    outcome: Literal["answered", "expired", "cancelled"] = "answered"
    response: HttpResponse | None = None
    """As if it had been asked alone, also where it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Answers many questions at once, within a day and at a discount.

    Questions and answers are those of the provider's `Call` for the medium, so an adapter says
    here only how they travel. The discount is in the catalogue, as `[batch]`.
    """

    request_type: type[Request[Any]]
    group: Callable[[HttpRequest], str | None]
    """What a question must have in common with others in one batch; `None` if it cannot be in any."""
    submit: Callable[[BatchOrder, str], Exchange[Submitted]]
    """One POST that orders it. The text is what `stage` returned."""
    poll: Callable[[str], Exchange[BatchState]]
    results: Callable[[str], tuple[HttpRequest, ...]]
    """Where its replies are fetched; each is a body of lines, and may be long."""
    read: Callable[[bytes], BatchReply]
    """One of those lines."""
    cancel: Callable[[str], Exchange[CancelOutcome]]
    stage: Callable[[BatchOrder], Exchange[str]] | None = None
    """Puts the questions where the provider finds them. Costs nothing, and may be repeated."""
    recovery: Lookup | Nothing = field(default_factory=Nothing)
    pace: Pace = field(
        default_factory=lambda: Pace(first_seconds=20.0, factor=1.5, longest_seconds=300.0)
    )
    timeout_seconds: float = 300.0
    """For the submission alone."""
    most_requests: int = 5000
    most_bytes: int = 16 * 1024 * 1024
    """Of all bodies together. Ours: a larger batch goes in several parts, so that none is whole in memory."""

    @property
    def medium(self) -> Medium:
        return self.request_type.medium


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
    webhook: Webhook = field(default_factory=Webhook)
    """How its calls to us are checked."""
    catalog: str | None = None
    """Name of its file in `catalog/`; its own name unless said."""
    models: tuple[Model, ...] = ()
    """Its capability sheets, for a provider that does not come with a file of ours
    (`anymedia.providers.catalog.models` reads the same TOML)."""
    docs: str = ""
    batch: Batch | None = None
    """How it answers many requests of one medium at once, if it does."""
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
