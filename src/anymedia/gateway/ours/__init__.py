"""Our own surfaces: what the typed contracts look like over HTTP."""
