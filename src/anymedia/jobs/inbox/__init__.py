"""Webhooks in: providers that call to say that something happened to a job.

A call is checked (`keys`, and the provider's `Webhook`), heard once (`rows`), matched with its
attempt and passed on (`inbox`) to where polling ends up as well. `calls` knows whose calls have
been coming, so that those are asked less often.
"""
