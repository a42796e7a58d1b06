"""The gateway: the engine over HTTP, for many callers at once.

`door` lets requests in and answers out, `app` puts everything together, `routes` are our own
surfaces, `openai` and `anthropic` are other people's, `serving` runs it all.
"""
