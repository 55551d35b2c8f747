"""How simulated devices fare: what becomes of an update, how long it takes, what the network does."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from ota_client.formats.version import Version


class Fate(StrEnum):
    """What becomes of one device's attempt at a release."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    FALLS_BACK = "falls_back"
    VANISHES = "vanishes"


class Fault(StrEnum):
    """What the network does to one request."""

    NONE = "none"
    # nothing arrives
    UNREACHED = "unreached"
    # the server did what was asked; the device never learns of it, and asks again
    ANSWER_LOST = "answer_lost"
    # the same request arrives twice
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Shares are from 0 to 1, of attempts or of requests; each device draws by itself.

    Attributes:
        failure_share: the device cannot install the release.
        fall_back_share: the release never comes up, and the boot loader goes back.
        offline_share: the device is gone for long after it got an assignment.
        bad_versions: releases from which every device falls back.
        network_fault_share: requests that get lost, whose answer gets lost, or that arrive twice.
        download_s, boot_s: how long they take, on average.
        offline_s: how long a device is gone.
        time_factor: simulated seconds in one real second; 60 makes a minute pass in a second.
    """

    failure_share: float = 0.0
    fall_back_share: float = 0.0
    offline_share: float = 0.0
    bad_versions: frozenset[Version] = frozenset()
    network_fault_share: float = 0.0
    download_s: float = 60.0
    boot_s: float = 30.0
    offline_s: float = 3600.0
    time_factor: float = 1.0

    def fate(self, random: Random, version: Version) -> Fate:
        """Draw what becomes of an attempt at a release."""
        drawn = random.random()
        shares = (
            (Fate.FAILS, self.failure_share),
            (Fate.VANISHES, self.offline_share),
            (Fate.FALLS_BACK, self.fall_back_share),
        )
        for fate, share in shares:
            if drawn < share:
                return fate
            drawn -= share
        return Fate.FALLS_BACK if version in self.bad_versions else Fate.SUCCEEDS

    def fault(self, random: Random) -> Fault:
        """Draw what the network does to a request."""
        if random.random() >= self.network_fault_share:
            return Fault.NONE
        return random.choice((Fault.UNREACHED, Fault.ANSWER_LOST, Fault.TWICE))

    def real_s(self, random: Random, simulated_s: float) -> float:
        """How long to wait for what takes ``simulated_s`` on average: half as long to half longer."""
        return simulated_s * (0.5 + random.random()) / self.time_factor
