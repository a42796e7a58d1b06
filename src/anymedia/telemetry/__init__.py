"""What operators are told of requests, attempts and jobs: lines of a log, spans of a trace.

Nothing here knows a prompt, a medium or a secret, because nothing is handed one. Metrics are the
gateway's own (`gateway/metrics.py`).
"""
