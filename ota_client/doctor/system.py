"""What is examined: the settings, and the system around them."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ota_client.config import DeviceConfig


@dataclass(frozen=True, slots=True)
class System:
    """Where the operating system shows itself; a test brings folders of its own."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    etc: Path = Path("/etc")


@dataclass(frozen=True, slots=True)
class Setup:
    """One device's set-up.

    Attributes:
        settings: the file that ``config`` was read from.
        now: the device's clock, UTC.
        user_id: whom the client runs as.
    """

    config: DeviceConfig
    settings: Path
    now: datetime
    user_id: int
    system: System = field(default_factory=System)
