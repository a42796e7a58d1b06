"""echo's far end: answers `echo` requests in this process, without key, network or memory.

`server` is what the in-process transport calls. It is stateless: a job's handle carries the whole
order and the time it was placed, so jobs outlive any crash. Pictures, clips and sounds are real
files, made from nothing but the prompt and the seed; the same two always give the same pixels and
samples.

Whatever a provider can do to its callers, echo does when `options` ask for it:

| option | what happens |
|---|---|
| `fail` | `rate_limit` 429, `auth` 401, `credits` 402, `model` 404, `server` 500, `overloaded` 503, `timeout` 504, `moderation` 400; `malformed`, `html`, `empty`, `error_in_200` spoil a 200; `unknown_outcome` breaks the connection after accepting; `moderation_late`, `failed_late`, `cancelled_late` end a job that had been accepted |
| `fail_until` | a time (ISO 8601 or seconds since 1970) from which `fail` no longer holds |
| `retry_after_seconds` | the `Retry-After` of `rate_limit` and `overloaded`; 1 unless given |
| `delay_seconds` | how long a job takes (1.5 unless given), or how long a call waits before it answers |
| `never_finish` | the job runs for ever |
| `progress_steps` | progress goes up in so many steps; 0 tells none |
| `poll_after_seconds` | what the job asks pollers to wait |
| `poll_fail`, `poll_fail_seconds` | polls fail like `fail`, for so long after the submission (for ever unless given) |
| `download_fail`, `download_fail_seconds` | downloads fail likewise, or with `cut` break off in the middle; seconds count from when the job is done |
| `expire_seconds` | artifacts answer 403 so long after the job is done |
| `cancel` | `confirm` or `impossible`; without it a cancel is `requested` and the job ends as it would have |
| `charged` | whether a job that fails says that it is billed |
| `cost` | US dollars, as a decimal string, that echo reports as its charge |
| `reply` | exactly what text answers |
| `word_seconds` | pause between the words of a stream |
| `stall_stream` | seconds of silence in the middle of a stream |
| `cut_stream` | the stream ends in the middle: `end` without a word, `reset` with a broken connection |
| `sample_rate` | of music and effects, 8000 to 96000 |

A prompt that contains the word `forbidden-by-echo` is refused as content.
"""
