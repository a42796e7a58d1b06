"""For tests of anymedia, of providers, and of programs that use either."""
