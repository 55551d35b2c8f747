"""A number and its noun, in words for a person: one device, two devices."""


def counted(number: int, noun: str, number_text: str | None = None) -> str:
    """``1 device``, ``0 devices``, ``2 entries``.

    Args:
        number: how many.
        noun: of one of them.
        number_text: the number as it is shown, such as ``1,000``.
    """
    return f"{number if number_text is None else number_text} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """``devices`` of ``device``, ``entries`` of ``entry``, ``days`` of ``day``."""
    if noun.endswith(("s", "x")):
        return f"{noun}es"
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy")):
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def agreed(number: int, verb: str) -> str:
    """``runs`` for one, ``run`` for more."""
    return f"{verb}s" if number == 1 else verb
