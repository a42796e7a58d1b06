"""The tree of commands. Each is imported when it is called."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App, Parameter

from anymedia import __version__

HELP = ("--help", "-h", "--version")
GROUPS: dict[str, str] = {
    "generate": "Make text, pictures, clips, sound or speech.",
    "estimate": "What a request would cost and become, before anything is spent.",
    "costs": "What was spent (`report`, unless said), and whether the bill adds up.",
    "jobs": "Look after jobs: everything that was made or is being made.",
    "batch": "Many requests as one: a file of lines in, a file of lines out.",
    "artifacts": "What is kept: where it comes from, whether it is whole, and what may go.",
    "providers": "Who can be asked, and whether they answer.",
    "keys": "Keys of the gateway: who may ask it, and for what.",
    "webhooks": "What callers' servers were told of their jobs, and how that is signed.",
    "config": "The configuration: whether it is right, and where it comes from.",
}
COMMANDS: dict[str, tuple[str, str]] = {
    "generate text": ("generate:text", "Make text: the answer goes to stdout."),
    "generate image": ("generate:image", "Make pictures, or edit and vary some."),
    "generate video": (
        "generate:video",
        "Make clips: from words, from pictures, or from another clip.",
    ),
    "generate audio": ("generate:audio", "Make music, or an effect."),
    "generate speech": ("generate:speech", "Read words aloud."),
    "estimate text": ("estimate:text", "What text would cost."),
    "estimate image": ("estimate:image", "What pictures would cost."),
    "estimate video": ("estimate:video", "What clips would cost."),
    "estimate audio": ("estimate:audio", "What music or an effect would cost."),
    "estimate speech": ("estimate:speech", "What speech would cost."),
    "jobs list": ("jobs:list_", "Jobs, the newest first."),
    "jobs show": (
        "jobs:show",
        "One job: how it stands, every attempt, and what happened when.",
    ),
    "jobs wait": (
        "jobs:wait",
        "Wait for a job, carrying it on meanwhile, and save what it brings.",
    ),
    "jobs cancel": ("jobs:cancel", "Stop a job, as far as its provider can."),
    "jobs retry": ("jobs:retry", "Try a job that has failed or was cancelled once more."),
    "jobs resolve": (
        "jobs:resolve",
        "Say what became of a paid request whose outcome is unknown.",
    ),
    "jobs export": (
        "records:export",
        "Write jobs with everything about them, the newest first, however many there are.",
    ),
    "jobs archive": (
        "records:archive",
        "Put jobs that ended long ago into files, and with `--delete` out of the database.",
    ),
    "jobs verify": (
        "records:verify",
        "Read the files of an archive anew and compare them with what was written.",
    ),
    "jobs work": ("jobs:work", "Carry jobs and batches on in this process until it is stopped."),
    "batch run": (
        "batches:run",
        "Do what a file of requests asks for, and write a file of results.",
    ),
    "batch submit": ("batches:submit", "Hand in a file of requests and come back at once."),
    "batch list": ("batches:list_", "Batches, the newest first."),
    "batch show": (
        "batches:show",
        "One batch: how its lines stand, what it has cost, and how long it still takes.",
    ),
    "batch results": (
        "batches:results",
        "What became of a batch's lines so far, in their order, one JSON object a line.",
    ),
    "batch cancel": (
        "batches:cancel",
        "Begin nothing more of a batch, and stop what can be stopped.",
    ),
    "batch work": (
        "batches:work",
        "Carry batches and their jobs on in this process until it is stopped.",
    ),
    "artifacts list": ("artifacts:list_", "What is kept, the newest first."),
    "artifacts show": (
        "artifacts:show",
        "One artifact: what it is, where it lies, and where it comes from.",
    ),
    "artifacts manifest": (
        "artifacts:manifest",
        "Where an artifact comes from, as JSON: its provenance, ready to be signed.",
    ),
    "artifacts link": (
        "artifacts:link",
        "A URL at which anybody can fetch an artifact without a key, for a while.",
    ),
    "artifacts verify": (
        "artifacts:verify",
        "Read artifacts anew and compare with what was kept: what is damaged, what is missing.",
    ),
    "artifacts collect": (
        "artifacts:collect",
        "Remove what the rules of `retention` say, and what killed processes have left.",
    ),
    "artifacts export": (
        "artifacts:export",
        "Copy artifacts with their manifests; what is there already is passed over.",
    ),
    "providers list": (
        "providers:list_",
        "Every provider there is, and what is missing to use it.",
    ),
    "providers check": (
        "providers:check",
        "Whether providers answer and accept their keys, by a call that costs nothing.",
    ),
    "providers pause": (
        "providers:pause",
        "Give a provider no new jobs for now; those under way go on.",
    ),
    "providers resume": (
        "providers:resume",
        "Give a paused provider jobs again.",
    ),
    "providers test": (
        "providers:test",
        "Whether a provider keeps the contract: against its double, or live.",
    ),
    "models": (
        "models:models",
        "Models that the catalogue lists: what each can do, its price, how long it lives.",
    ),
    "simulate": (
        "simulate:simulate",
        "Serve doubles of providers on this machine, which behave as the real ones on the wire.",
    ),
    "costs report": (
        "costs:report",
        "What was spent: by provider, model, media, key, tag, day or job.",
    ),
    "costs settle": (
        "costs:settle",
        "Say what an attempt costs, however late: a row more in the ledger.",
    ),
    "costs reconcile": (
        "costs:reconcile",
        "Lay a provider's invoice beside the ledger: matched, differing, missing, unbilled.",
    ),
    "costs replay": (
        "costs:replay",
        "What the same requests would have cost, had they been given to others.",
    ),
    "costs quality": (
        "costs:quality",
        "How well each model has done what was asked, how fast, and for how much.",
    ),
    "doctor": (
        "doctor:doctor",
        "Whether this installation works, and what to do where it does not.",
    ),
    "bench": (
        "bench:bench",
        "Throughput, latency and memory of this installation, measured without any network.",
    ),
    "serve": (
        "serve:serve",
        "Serve the gateway: every provider behind one address, for any client.",
    ),
    "keys create": ("keys:create", "Make a key. It is told this once."),
    "keys list": ("keys:list_", "All keys, the newest first."),
    "keys change": ("keys:change", "Change a key's rights; what is not said stays."),
    "keys audit": ("keys:audit", "What administrators did, the latest first."),
    "keys revoke": ("keys:revoke", "Let a key open nothing any more. Its jobs go on."),
    "keys rotate": ("keys:rotate", "Give a key a new secret. It is told this once."),
    "webhooks list": ("webhooks:list_", "Messages to callers' servers, the latest first."),
    "webhooks show": ("webhooks:show", "One message: what it says, and what became of it."),
    "webhooks replay": (
        "webhooks:replay",
        "Send a message again, or all of a job's, under the ids that they have.",
    ),
    "webhooks secret": (
        "webhooks:secret",
        "What messages are signed with. A new secret is told this once.",
    ),
    "config check": (
        "config:check",
        "Check the whole configuration; every mistake is told at once.",
    ),
    "config show": ("config:show", "Every setting with its origin; secrets are masked."),
    "migrate": (
        "migrate:migrate",
        "Bring an envelope, a request or a response, to the current version, on stdout.",
    ),
    "completion": (
        "completion:completion",
        "Print a shell's completion script; `source <(anymedia completion bash)` uses it.",
    ),
}
"""Where each command lives and what it is for, so that help needs no import (a test compares
the words with the commands' own)."""


USUAL: dict[str, str] = {"costs": "report"}
"""What a group does when no command is named."""


def completed(words: Sequence[str]) -> list[str]:
    """The words with the command that is meant where a group is asked for its usual one."""
    words = list(words)
    if words and words[0] in USUAL and not set(HELP) & set(words):
        named = {name.split()[1] for name in COMMANDS if name.startswith(f"{words[0]} ")}
        if len(words) == 1 or words[1] not in named:
            words.insert(1, USUAL[words[0]])
    return words


def build() -> App:
    """The application, none of its commands imported yet."""
    app = App(
        name="anymedia",
        help="One contract for every generative model: text, image, video, audio and speech.",
        help_epilogue="Without any key, the built-in provider `echo` answers: try "
        "`anymedia generate image 'a fox in snow'`.",
        version=f"anymedia {__version__}",
        default_parameter=Parameter(negative=(), show_default=said),
        help_format="plaintext",
        result_action="return_value",
    )
    for name, purpose in GROUPS.items():
        app.command(App(name=name, help=purpose, help_epilogue=""))
    for name, (place, purpose) in COMMANDS.items():
        *group, command = name.split()
        parent = app[group[0]] if group else app
        parent.command(f"anymedia.cli.{place}", name=command, help=purpose, help_epilogue="")
    return app


def said(default: object) -> object:
    """A default that is worth showing."""
    return default or None
