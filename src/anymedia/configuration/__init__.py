"""Where settings come from, and what they are in the end.

An argument wins over the environment, the environment over `.env`, `.env` over the file, the
file over the default. Everything is read and checked at once: `load` returns whole settings that
know who said what, or raises one `InvalidConfiguration` that lists every mistake.
"""

from anymedia.configuration.describing import describe
from anymedia.configuration.loading import load
from anymedia.contracts.masking import masked

__all__ = ["describe", "load", "masked"]
