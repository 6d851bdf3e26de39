"""Every form in which pools say yes and no."""

import pytest

from stats_feed.tap.reader.verdicts import is_accepted, reason_of
from stats_gateway.sender import RejectReason

STALE, DUPLICATE, LOW, UNAUTHORIZED, OTHER = RejectReason


@pytest.mark.parametrize(
    "reply",
    [{"result": True}, {"result": True, "error": None}, {"result": True, "error": []},
     {"result": True, "error": ""}, {"result": True, "error": False}],
)  # fmt: skip
def test_only_true_without_an_error_is_a_yes(reply: dict[str, object]) -> None:
    assert is_accepted(reply)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"result": False}, OTHER),
        ({"result": None, "error": None}, OTHER),
        ({"error": None}, OTHER),
        ({"result": True, "error": [22, "x", None]}, DUPLICATE),
        ({"result": 1}, OTHER),
        ({"result": "true"}, OTHER),
        ({"result": [], "error": None}, OTHER),
        ({"result": None, "error": [20, "Other/Unknown", None]}, OTHER),
        ({"result": None, "error": [21, "Job not found", None]}, STALE),
        ({"result": None, "error": [22, "Duplicate share", None]}, DUPLICATE),
        ({"result": None, "error": [23, "Low difficulty share", None]}, LOW),
        ({"result": None, "error": [24, "Unauthorized worker", None]}, UNAUTHORIZED),
        ({"result": None, "error": [25, "Not subscribed", None]}, UNAUTHORIZED),
        ({"result": False, "error": ["21", "x"]}, STALE),
        ({"result": False, "error": [20, "stale-work", None]}, STALE),
        ({"result": False, "error": [30, "high-hash", None]}, LOW),
        ({"result": False, "error": [-1, "job-not-found"]}, STALE),
        ({"result": False, "error": 23}, LOW),
        ({"result": False, "error": [23]}, LOW),
        ({"result": False, "error": ["Duplicate"]}, DUPLICATE),
        ({"result": False, "error": "Stale"}, STALE),
        ({"result": False, "error": "Invalid JobID"}, STALE),
        ({"result": False, "error": "Worker mismatch"}, UNAUTHORIZED),
        ({"result": False, "error": "Params not array"}, OTHER),
        ({"error": {"code": 21, "message": "whatever"}}, STALE),
        ({"error": {"code": -3, "message": "Difficulty too low"}}, LOW),
        ({"error": {"code": "x", "message": 7}}, OTHER),
        ({"error": {}}, OTHER),
        ({"result": False, "error": None, "reject-reason": "Above target"}, LOW),
        ({"result": False, "error": None, "reject-reason": "Duplicate"}, DUPLICATE),
        ({"result": False, "error": None, "reject-reason": "Ntime out of range"}, OTHER),
        ({"result": False, "error": None, "reject-reason": ["Stale"]}, OTHER),
        ({"error": [[21], {"a": 1}, 3]}, OTHER),
        ({"error": True}, OTHER),
    ],
)
def test_everything_else_is_a_no_with_a_reason(
    reply: dict[str, object], reason: RejectReason
) -> None:
    assert not is_accepted(reply)
    assert reason_of(reply) is reason


def test_a_long_text_does_not_keep_the_reader_busy() -> None:
    assert reason_of({"error": "x" * 60_000 + " stale"}) is OTHER
