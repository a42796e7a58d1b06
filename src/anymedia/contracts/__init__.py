"""What everyone agrees on: requests, results, events, job states, usage, cost, errors.

Nothing here waits, reads a clock, opens a file or knows a provider.
"""
