"""How much may be spent, counted in this process or for several of them together."""
