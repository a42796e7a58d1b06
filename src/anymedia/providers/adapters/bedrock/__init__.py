"""Amazon Bedrock: Luma's clips and Stability's pictures on an AWS account.

Chat on Bedrock (`/model/{id}/converse`) is not here. Jobs cannot be cancelled.

API: https://docs.aws.amazon.com/bedrock/latest/APIReference (botocore 1.44.5, read 2026-11-21)
"""

from __future__ import annotations

from anymedia.contracts.image import ImageRequest
from anymedia.providers.adapters.bedrock import image, video
from anymedia.providers.adapters.bedrock.failures import TABLE
from anymedia.providers.adapters.bedrock.signing import AmazonAccount, located
from anymedia.providers.spec import Call, Inputs, Provider

BEDROCK = Provider(
    name="bedrock",
    title="Amazon Bedrock",
    base_url="https://bedrock-runtime.us-west-2.amazonaws.com",
    located=located,
    auth=AmazonAccount(),
    operations=(video.OPERATION, Call(ImageRequest, image.exchange)),
    explain=TABLE,
    # Clips lie in buckets; only signatures go there, never a key.
    hosts=(".amazonaws.com",),
    inputs=Inputs(
        schemes=(), inline_bytes=15 * 1024 * 1024, image_types=("image/jpeg", "image/png")
    ),
    docs="https://docs.aws.amazon.com/bedrock",
)
