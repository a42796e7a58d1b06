"""Who is asked next: strategies over what was observed."""

from anymedia.choosing.chooser import Chooser as Chooser
from anymedia.choosing.experience import Known as Known
from anymedia.choosing.option import Option as Option, Ranked as Ranked, Situation as Situation
