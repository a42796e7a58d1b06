"""The Anthropic dialect: messages, as Anthropic itself and services that speak like it take them.

Text comes in one API, whole or streamed. What a service words differently stands in its `Quirks`.

API: https://platform.claude.com/docs/en/api/messages (version 2026-10-21, anthropic 2.11.0 on
PyPI, read 2026-11-21)
"""
