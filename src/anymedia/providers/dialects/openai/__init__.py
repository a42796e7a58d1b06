"""The OpenAI dialect: OpenAI itself, and the many services and servers that speak like it.

Text comes in two APIs, chat completions and responses; `text` picks one. What a service words
differently stands in its `Quirks`, so that an adapter is mostly a value.

API: https://platform.openai.com/docs/api-reference (openai-python 3.52.0, read 2026-11-21)
"""
