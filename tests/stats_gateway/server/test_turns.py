import asyncio
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.server.turns import TURN_SECONDS, FairOrder, Turns
from stats_gateway.store.peer import Peer
from tests.support.senders import peer


@given(costs=st.lists(st.floats(0.1, 5.0), min_size=2, max_size=6), rounds=st.integers(10, 60))
def test_who_always_wants_more_gets_as_much_as_any_other(costs: list[float], rounds: int) -> None:
    order = FairOrder(credit=1.0)
    used = dict.fromkeys(range(len(costs)), 0.0)
    for who in used:
        order.arrive(who)
    for _ in range(rounds):
        who = min(used, key=order.used)
        order.serve(who)
        order.charge(who, costs[who])
        order.arrive(who)
        used[who] += costs[who]
    assert max(used.values()) - min(used.values()) <= 2 * max(costs)


def test_who_is_idle_saves_up_no_more_than_the_credit_and_who_is_new_nothing() -> None:
    order = FairOrder(credit=5.0)
    for who in ("busy", "idle"):
        order.arrive(who)
    for _ in range(100):
        order.serve("busy")
        order.charge("busy", 1.0)
    for who in ("idle", "new"):
        order.arrive(who)
    assert (order.used("idle"), order.used("new")) == (94.0, 99.0)


class Clock:
    """Time that passes only when a test lets it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def served(turns: Turns, clock: Clock, wanted: dict[Peer, list[float]]) -> list[int]:
    """The numbers of the peers in the order of their turns, each taking the seconds it wants."""
    order: list[int] = []

    async def want(one: Peer, seconds: list[float]) -> None:
        for each in seconds:
            async with turns.turn(one):
                order.append(one.number)
                clock.now += each

    async with asyncio.TaskGroup() as group:
        for one, seconds in wanted.items():
            group.create_task(want(one, seconds))
    return order


async def test_networks_take_turns_however_many_connections_each_has() -> None:
    clock = Clock()
    many = {peer(number, "many"): [TURN_SECONDS] * 5 for number in range(20)}
    order = await served(Turns(clock), clock, many | {peer(99, "single"): [TURN_SECONDS] * 5})
    assert max(place for place, number in enumerate(order) if number == 99) <= 11


async def test_within_a_network_who_has_used_little_goes_before_those_who_used_much() -> None:
    clock = Clock()
    greedy = {peer(number): [TURN_SECONDS] * 10 for number in range(10)}
    order = await served(Turns(clock), clock, greedy | {peer(99): [TURN_SECONDS / 100] * 10})
    assert max(place for place, number in enumerate(order) if number == 99) <= 31


async def test_all_together_take_no_more_than_a_turn_of_one_iteration_of_the_loop() -> None:
    clock = Clock()
    turns = Turns(clock)
    iterations = count()
    spent: dict[int, float] = {}
    done = asyncio.Event()

    async def iterate() -> None:
        while not done.is_set():
            turn = next(iterations)
            before = clock.now
            await asyncio.sleep(0)
            spent[turn] = clock.now - before

    watching = asyncio.create_task(iterate())
    await served(turns, clock, {peer(number): [TURN_SECONDS / 2] * 8 for number in range(12)})
    done.set()
    await watching
    assert max(spent.values()) <= 2 * TURN_SECONDS


async def test_a_turn_that_lasted_long_enough_lets_others_go_first() -> None:
    clock = Clock()
    turns, order = Turns(clock), list[str]()

    peer_one = peer(1)

    async def first() -> None:
        async with turns.turn(peer_one):
            order.append("first begins")
            clock.now += TURN_SECONDS
            await turns.renew(peer_one)
            order.append("first goes on")

    async def second() -> None:
        async with turns.turn(peer(2)):
            order.append("second")

    async with asyncio.TaskGroup() as group:
        group.create_task(first())
        group.create_task(second())
    assert order == ["first begins", "second", "first goes on"]


async def test_who_waits_for_something_else_has_given_its_turn_back() -> None:
    turns, event, one = Turns(), asyncio.Event(), peer(1)

    async def waits() -> str:
        async with turns.turn(one):
            return await turns.without(one, wait())

    async def wait() -> str:
        await event.wait()
        return "done"

    async def sets() -> None:
        async with turns.turn(peer(2)):
            event.set()

    async with asyncio.timeout(30):
        waiting = asyncio.create_task(waits())
        await sets()
        assert await waiting == "done"


@pytest.mark.parametrize("iterations", range(4))
async def test_whoever_is_cancelled_leaves_the_turn_to_others(iterations: int) -> None:
    clock = Clock()
    turns = Turns(clock)

    async def take(one: Peer) -> None:
        async with turns.turn(one):
            clock.now += TURN_SECONDS

    tasks = [asyncio.create_task(take(peer(number))) for number in range(4)]
    for _ in range(iterations):
        await asyncio.sleep(0)
    tasks[1].cancel()
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks, return_exceptions=True)
        await take(peer(9))
