"""How much may be asked for, counted in this process or for several of them together."""
