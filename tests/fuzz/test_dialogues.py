"""Whole dialogues of hundreds of hostile peers cost a good sender and a scraper nothing."""

import random
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle

import pytest

from stats_gateway.wire.services import Service as ServiceKind
from tests.e2e.harness.scrape import Scrape
from tests.e2e.harness.service import OPENMETRICS, Kind, Service
from tests.e2e.harness.watch import Watch
from tests.fuzz.scripts import GOOD_SOURCE, MESSAGE_BYTES, Read, Say, Wait, draw_script
from tests.security.crowd import crowd_of
from tests.security.peers import MESSAGES_REFUSED, REFUSED, connected, hello, keeps_sending
from tests.security.truth import Truth, Whole
from tests.support.until import sleep_until, until

SEED = 20_241_124
SECONDS = 4.0
"""How long each service is besieged by the suite; `make soak` takes longer."""

PEERS = 300
LIMITS = (
    "--limits.max-connections=200",
    f"--limits.max-message-bytes={MESSAGE_BYTES}",
    f"--limits.max-buffered-bytes={MESSAGE_BYTES}",
)
"""Lower than what the peers ask for together, so that the service has to choose."""

PATHS = ("/-/healthy", "/health", "/api/stats", "/", "/-/ready")
VISIBLE_SECONDS = 60.0
FILES_LEFT = 10
GROWTH_BYTES = 100 << 20
"""The rows and rendered text of some hundred sources, and what the allocator keeps."""

PROVOKED = {
    MESSAGES_REFUSED: {
        *("malformed", "unknown_message", "duplicate_downstream", "wrong_service", "bad_hello"),
    },
    REFUSED: {"too_many_connections", "too_many_refusals", "frame_too_large"},
}
"""Reasons for which the service must have refused something: else the crowd is too tame."""


def besieged(kind: Kind, seed: int, seconds: float) -> None:
    """A service, its good sender and its scraper, beside a crowd for so many seconds."""
    truth, rng = Truth(kind), random.Random(seed)
    with Service(kind, *LIMITS) as service, connected(service.ingest) as good:
        assert "Welcome" in good.ask(hello(GOOD_SOURCE))
        good.say(truth.next(rng))
        service.scrape_until(lambda scrape: scrape.sources() == {GOOD_SOURCE: True})
        files, memory = service.open_files(), service.resident_bytes()
        whole = Whole(truth, GOOD_SOURCE)
        crowd = (ServiceKind[kind.upper()].value, str(service.ingest), str(PEERS), str(seed))
        with (
            keeps_sending(good, partial(truth.next, rng)),
            Watch(service, always_there(service, whole)),
            Watch(service, always_there(service, Whole(truth, GOOD_SOURCE)), OPENMETRICS),
        ):
            with crowd_of("tests.fuzz.dialogues", *crowd):
                sleep_until(time.monotonic() + seconds)
                until(lambda: is_provoked(service.scrape()), VISIBLE_SECONDS, "every refusal")
            told = truth.generation
            until(lambda: whole.generation >= told, VISIBLE_SECONDS, f"generation {told}")
        until(lambda: service.scrape().value("stats_gateway_connections") == 1, VISIBLE_SECONDS)
        until(lambda: service.open_files() <= files + FILES_LEFT, what="no file of the crowd open")
        assert service.resident_bytes() - memory < GROWTH_BYTES
        assert not service.scrape().value(REFUSED, reason="internal_error")
        assert not service.errors()


def always_there(service: Service, whole: Whole) -> Callable[[Scrape], None]:
    """Checks of every scrape, and of one more answer of `service` after each."""
    paths = cycle(PATHS)

    def check(scrape: Scrape) -> None:
        whole(scrape)
        assert whole.generation > 0, "the good source is absent"
        path = next(paths)
        assert service.get(path).status == 200, path

    return check


def is_provoked(scrape: Scrape) -> bool:
    """Whether the service has refused something for each of the reasons."""
    return all(
        scrape.value(family, reason=reason)
        for family, reasons in PROVOKED.items()
        for reason in reasons
    )


@pytest.mark.parametrize("service", ServiceKind)
def test_the_same_seed_gives_the_same_scripts_with_steps_of_all_kinds(service: ServiceKind) -> None:
    once, again = (
        [draw_script(random.Random(f"{SEED}/{number}"), service) for number in range(300)]
        for _ in range(2)
    )
    assert once == again
    assert {type(step) for script in once for step in script.steps} == {Say, Wait, Read}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["proxy", "pool"])
def test_hundreds_of_dialogues_cost_a_good_source_nothing(kind: Kind) -> None:
    besieged(kind, SEED, SECONDS)
