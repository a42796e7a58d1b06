"""The tree of commands. Each is imported when it is called."""

from __future__ import annotations

from cyclopts import App, Parameter

from anymedia import __version__

GROUPS: dict[str, str] = {
    "generate": "Make text, pictures, clips, sound or speech.",
    "estimate": "What a request would cost and become, before anything is spent.",
    "jobs": "Look after jobs: everything that was made or is being made.",
    "providers": "Who can be asked, and whether they answer.",
    "keys": "Keys of the gateway: who may ask it, and for what.",
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
    "jobs work": ("jobs:work", "Carry jobs on in this process until it is stopped."),
    "providers list": (
        "providers:list_",
        "Every provider there is, and what is missing to use it.",
    ),
    "providers check": (
        "providers:check",
        "Whether providers answer and accept their keys, by a call that costs nothing.",
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
    "costs": ("costs:costs", "What was spent: by provider, model, media, key, tag or day."),
    "serve": (
        "serve:serve",
        "Serve the gateway: every provider behind one address, for any client.",
    ),
    "keys create": ("keys:create", "Make a key. It is told this once."),
    "keys list": ("keys:list_", "All keys, the newest first."),
    "keys revoke": ("keys:revoke", "Let a key open nothing any more. Its jobs go on."),
    "keys rotate": ("keys:rotate", "Give a key a new secret. It is told this once."),
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
