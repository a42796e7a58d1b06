"""`python -m anymedia` is the command line, wherever scripts are not on the path."""

from anymedia.cli import main

main()
