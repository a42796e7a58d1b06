"""How well strategies choose, on virtual time: `python -m benchmarks.routing`."""
