"""One test over many values, for what takes less time than a test of its own costs (three milliseconds)."""

from collections.abc import Callable, Iterable

Check = Callable[[object], None]


def every(values: Iterable[object]) -> Callable[[Check], Callable[[], None]]:
    """Try ``check`` on each of ``values``, to the last; all that failed are in one group, each with its value."""

    def over(check: Check) -> Callable[[], None]:
        def test() -> None:
            tried, failed = 0, []
            for tried, value in enumerate(values, start=1):  # noqa: B007
                try:
                    check(value)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is told below
                    error.add_note(str(value))
                    failed.append(error)
            assert tried
            if failed:
                raise ExceptionGroup(f"{len(failed)} of {tried}", failed)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        return test

    return over
