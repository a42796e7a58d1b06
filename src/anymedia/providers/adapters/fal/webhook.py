"""How fal's calls are told from anybody else's: Ed25519 over ids, time and a hash of the body.

https://docs.fal.ai/model-apis/model-endpoints/webhooks (read 2026-11-21). The key set is public and
changes without notice. Calls are repeated for two hours at least, until they are answered.
"""

from __future__ import annotations

from anymedia.providers.spec import Webhook
from anymedia.wire.signature import SignedHash

SIGNATURE = SignedHash(prefix="x-fal-webhook-", about="request-id")
WEBHOOK = Webhook(
    signature=SIGNATURE,
    key_set="https://rest.fal.ai/.well-known/jwks.json",
    reliable=True,
)
