"""Who is asked next: strategies over what was observed."""

from anymedia.choosing.chooser import Chooser as Chooser
from anymedia.choosing.known import Known as Known
from anymedia.choosing.option import Option as Option, Ranked as Ranked, Situation as Situation
from anymedia.choosing.successes import Success as Success, Successes as Successes
