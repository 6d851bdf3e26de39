"""This module reads what a pool thinks of a share, in every form that pools say it.

`{"result": true, "error": null}` accepts. Everything else refuses, and says why as one of
`"error": [21, "Job not found", null]`, `"error": "Stale"`, `"error": {"code": 23, "message": "…"}`,
`"reject-reason": "Above target"` beside `"error": null` (ckpool), or not at all.
"""

import re
from collections.abc import Mapping

from stats_feed.tap.reader.messages import Message
from stats_gateway.sender import RejectReason

CODES = {
    21: RejectReason.STALE,  # job not found
    22: RejectReason.DUPLICATE,
    23: RejectReason.LOW_DIFFICULTY,
    24: RejectReason.UNAUTHORIZED,
    25: RejectReason.UNAUTHORIZED,  # not subscribed
}
"""The codes of slush's proposal, which most pools use; 20 says no more than that it is another."""

TEXTS = (
    (re.compile(r"duplicate|\bdupe?\b"), RejectReason.DUPLICATE),
    (
        re.compile(r"unauthori[sz]ed|not.authori[sz]ed|(?:not.|un)subscribed|worker.mismatch"),
        RejectReason.UNAUTHORIZED,
    ),
    (
        re.compile(r"low.?diff|difficulty.too.low|above.target|high.?hash|target.not.met"),
        RejectReason.LOW_DIFFICULTY,
    ),
    (
        re.compile(r"stale|job.?(?:id)?.not.found|(?:invalid|unknown|old|no.such).job|expired"),
        RejectReason.STALE,
    ),
)
"""What pools write, in lower case: `Invalid JobID`, `job-not-found`, `low difficulty share`."""

MAX_TEXT_CHARACTERS = 256
"""Reasons are a few words; nobody's text may keep the reader busy."""


def is_accepted(reply: Message) -> bool:
    """Tell whether a reply says yes. An empty error (`[]`, `""`, `false`) is none."""
    return reply.get("result") is True and not reply.get("error")


def reason_of(reply: Message) -> RejectReason:
    """Return why a reply says no."""
    code, text = _said(reply.get("error"))
    if code in CODES:
        return CODES[code]
    texts = (text, reply.get("reject-reason"))
    lowered = " ".join(one[:MAX_TEXT_CHARACTERS] for one in texts if isinstance(one, str)).lower()
    found = (reason for pattern, reason in TEXTS if pattern.search(lowered))
    return next(found, RejectReason.OTHER)


def _said(error: object) -> tuple[int | None, object]:
    """Return the code and the text of an error."""
    match error:
        case [code, text, *_]:
            return _code(code), text
        case [only]:
            return _code(only), only
        case Mapping():
            text = error.get("message") or error.get("reason") or error.get("data")
            return _code(error.get("code")), text
        case _:
            return _code(error), error


def _code(value: object) -> int | None:
    if isinstance(value, str) and len(value) <= 3 and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
