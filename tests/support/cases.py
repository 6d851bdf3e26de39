"""Many small cases as one test: pytest takes a few milliseconds for each test, whatever it does."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Test = Callable[..., None]
Cases = Mapping[str, Any] | Iterable[Any]  # Any: whatever the one test takes


def for_each(argument: str, cases: Cases) -> Callable[[Test], Test]:
    """Have one test try all `cases` as its `argument`, and fail with every case that fails.

    This is for hundreds of cases of microseconds each, where `pytest.mark.parametrize` costs more
    than they do. A case that fails is named by its key, or by what it prints as.
    """
    pairs = cases.items() if isinstance(cases, Mapping) else ((str(case), case) for case in cases)
    named = list(pairs)
    assert named, "a test of no case proves nothing"

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def test_all(**others: object) -> None:
            failed = []
            for name, case in named:
                try:
                    test(**{argument: case}, **others)
                except Exception as error:  # noqa: BLE001 - all are raised together below
                    error.add_note(f"{argument}: {name}")
                    failed.append(error)
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {len(named)} cases failed", failed)

        own = inspect.signature(test)
        others = [one for one in own.parameters.values() if one.name != argument]
        # pytest reads from the signature which fixtures a test wants.
        test_all.__signature__ = own.replace(parameters=others)  # type: ignore[attr-defined]  # as inspect has it
        return test_all

    return decorate
