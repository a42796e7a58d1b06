"""The Python face: the same engine, awaited or not."""

from anymedia.client.aio import AsyncClient
from anymedia.client.blocking import Client

__all__ = ["AsyncClient", "Client"]
