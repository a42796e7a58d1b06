"""How secrets are shown: enough to tell two keys apart, too little to use one."""

from __future__ import annotations

import re

from pydantic import SecretStr

SHORT = 12
"""Of keys that are not longer than this, four characters would be too many."""
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
IN_QUERY = re.compile(
    r"([?&](?:key|sas|token|access_key_id|secret_access_key|session_token)=)[^&\s]+"
)


def masked(secret: SecretStr | str) -> str:
    """`****1234`; of a short secret, nothing at all."""
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    return "****" + (text[-4:] if len(text) > SHORT else "")


def without_credentials(url: str) -> str:
    """A URL whose user and password, and whose credentials behind the `?`, are hidden."""
    return IN_QUERY.sub(r"\1****", CREDENTIALS.sub("****", url))
