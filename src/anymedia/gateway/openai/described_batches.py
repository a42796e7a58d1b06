"""Files and batches of OpenAI's as OpenAPI has them."""

from __future__ import annotations

from anymedia.gateway.openai import batches, files
from anymedia.gateway.openai.batch_lines import ENDPOINTS
from anymedia.gateway.shared.batched import besides
from anymedia.gateway.shared.described import (
    BYTES,
    IDEMPOTENCY,
    JSON,
    STRING,
    Described,
    Schema,
    Schemas,
    a_list,
    an_object,
    maybe,
    query,
    read_by,
    ref,
)

WHOLE: Schema = {"type": "integer"}
TIME: Schema = maybe({"type": "integer", "description": "Seconds since 1970."})
FORM = "multipart/form-data"
STATUSES = (*batches.STATUS.values(), "failed", "expired")


def listed(item: str) -> Schema:
    """A page of a list."""
    return an_object(
        {
            "object": {"const": "list"},
            "data": a_list(ref(item)),
            "has_more": {"type": "boolean"},
            "first_id": maybe(STRING),
            "last_id": maybe(STRING),
        }
    )


def paged(most: int) -> tuple[Schema, Schema]:
    """How a page is asked for."""
    limit = {"type": "integer", "minimum": 1, "maximum": most}
    return query("limit", limit, "How many."), query("after", STRING, "The id they follow.")


SCHEMAS: Schemas = {
    **read_by(
        "OpenAIBatchRequest",
        batches.Body,
        fields={
            "endpoint": {"enum": list(ENDPOINTS)},
            "completion_window": {
                "type": "string",
                "pattern": "^[1-9][0-9]{0,3}[mhd]$",
                "description": "`24h`; from there on providers' batch APIs are used. Shorter ones "
                "are not OpenAI's, and are kept all the same.",
            },
            "metadata": {
                "type": ["object", "null"],
                "maxProperties": batches.MOST_PAIRS,
                "propertyNames": {"maxLength": batches.LONGEST_NAME},
                "additionalProperties": {"type": "string", "maxLength": batches.LONGEST_VALUE},
            },
            "output_expires_after": {"type": "null"},
            "anymedia": besides(),
        },
    ),
    "OpenAIFileForm": {
        "type": "object",
        "required": ["file", "purpose"],
        "properties": {"file": BYTES, "purpose": {"const": files.PURPOSE}},
        "additionalProperties": False,
    },
    "OpenAIFile": an_object(
        {
            "id": STRING,
            "object": {"const": "file"},
            "bytes": WHOLE,
            "created_at": WHOLE,
            "expires_at": TIME,
            "filename": STRING,
            "purpose": {"enum": [files.PURPOSE, "batch_output"]},
            "status": {"const": "processed"},
        }
    ),
    "OpenAIFiles": listed("OpenAIFile"),
    "OpenAIFileDeleted": an_object(
        {"id": STRING, "object": {"const": "file"}, "deleted": {"type": "boolean"}}
    ),
    "OpenAIBatch": an_object(
        {
            "id": STRING,
            "object": {"const": "batch"},
            "endpoint": STRING,
            "input_file_id": STRING,
            "completion_window": STRING,
            "status": {"enum": list(STATUSES)},
            "errors": maybe(
                an_object(
                    {
                        "object": {"const": "list"},
                        "data": a_list(
                            an_object(
                                {
                                    "code": STRING,
                                    "line": maybe(WHOLE),
                                    "message": STRING,
                                    "param": maybe(STRING),
                                }
                            )
                        ),
                    }
                )
            ),
            "output_file_id": maybe(STRING),
            "error_file_id": maybe(STRING),
            "created_at": WHOLE,
            "expires_at": WHOLE,
            **{f"{one}_at": TIME for one in batches.ENDS},
            "request_counts": an_object({"total": WHOLE, "completed": WHOLE, "failed": WHOLE}),
            "metadata": maybe({"type": "object", "additionalProperties": STRING}),
            "cost": maybe({"type": "number", "description": "US dollars, so far."}),
        }
    ),
    "OpenAIBatches": listed("OpenAIBatch"),
}
DESCRIBED: dict[tuple[str, str], Described] = {
    ("POST", files.PATH): Described(
        summary="Hand in a file of lines for a batch",
        asks={FORM: ref("OpenAIFileForm")},
        answers={JSON: ref("OpenAIFile")},
    ),
    ("GET", files.PATH): Described(
        summary="Your files of lines, the newest first",
        parameters=(
            *paged(files.MOST_LISTED),
            query("order", {"enum": ["asc", "desc"]}, "`asc` for the oldest first."),
            query("purpose", STRING, f"`{files.PURPOSE}`; there is nothing for another."),
        ),
        answers={JSON: ref("OpenAIFiles")},
    ),
    ("GET", files.PATH + "/{id}"): Described(
        summary="A file of lines, or what became of them", answers={JSON: ref("OpenAIFile")}
    ),
    ("DELETE", files.PATH + "/{id}"): Described(
        summary="Remove a file; of an output, the answers of the batch",
        answers={JSON: ref("OpenAIFileDeleted")},
    ),
    ("GET", files.PATH + "/{id}/content"): Described(
        summary="What is in it, streamed", answers={files.LINES: STRING, "*/*": BYTES}
    ),
    ("POST", batches.PATH): Described(
        summary="Take a file of questions on as a batch",
        asks={JSON: ref("OpenAIBatchRequest")},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIBatch")},
    ),
    ("GET", batches.PATH): Described(
        summary="Your batches, the newest first",
        parameters=paged(100),
        answers={JSON: ref("OpenAIBatches")},
    ),
    ("GET", batches.PATH + "/{id}"): Described(
        summary="How a batch stands", answers={JSON: ref("OpenAIBatch")}
    ),
    ("POST", batches.PATH + "/{id}/cancel"): Described(
        summary="Begin nothing more of it, and stop what can be stopped",
        answers={JSON: ref("OpenAIBatch")},
    ),
}
