"""A share of devices, exact to a hundredth of a percent."""

import re
from dataclasses import dataclass
from typing import Final, Self

WHOLE: Final = 10_000
_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?%", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """A part of a whole.

    Attributes:
        hundredths: of a percent, from 0 to 10,000; whole numbers, so that every reader compares alike.
    """

    hundredths: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a share such as ``5%`` or ``0.25%``.

        Raises:
            ValueError: it is not one, or more than the whole.
        """
        match = _PERCENT.fullmatch(text)
        hundredths = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else WHOLE + 1
        if hundredths > WHOLE:
            raise ValueError(f"expected a share such as 5% or 0.25%, at most 100%, got {text[:40]!r}")
        return cls(hundredths)

    def __str__(self) -> str:
        whole, part = divmod(self.hundredths, 100)
        return f"{whole}.{part:02}".rstrip("0").rstrip(".") + "%" if part else f"{whole}%"

    def is_reached(self, part: int, whole: int) -> bool:
        """Whether ``part`` of ``whole`` is this share or more; of nothing, every share is reached."""
        return part * WHOLE >= self.hundredths * whole
