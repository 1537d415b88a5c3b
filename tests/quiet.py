"""What holds on a quiet machine."""


class Noise(AssertionError):
    """It did not, and whatever else the machine does may have done that by itself.

    The test is tried again then, twice at the most (tests/conftest.py), and pytest lists that it
    was. What never holds fails all the same; what only now and then does not, because of us, can
    pass: so this is for bounds of time and what follows from them, and for nothing else.
    """


def assert_when_quiet(holds: bool, seen: object) -> None:
    """Assert it of a machine that has nothing else to do.

    :param seen: what there was instead.
    """
    if not holds:
        raise Noise(seen)
