"""Which device is in which wave. Pure; the same answer at each call, on each machine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from heapq import nsmallest
from typing import Self

from ota_server.rollouts.plan import RolloutPlan, WaveKind
from ota_server.rollouts.share import WHOLE


def rollout_salt(product: str, name: str) -> str:
    """The salt of a rollout: another one each time, so that the same devices are not always the first.

    It comes from the names, so that a dry run shows the very devices that the rollout will take.
    """
    return sha256(f"{product}/{name}".encode()).hexdigest()[:32]


def bucket(salt: str, device_id: str) -> int:
    """Where a device stands from 0 to 9999: a wave of 5 % takes those below 500."""
    return _Lot.drawn(salt, device_id).bucket


def place(plan: RolloutPlan, salt: str, device_ids: Iterable[str]) -> dict[str, int]:
    """Each device's wave, from 1; a device that no wave takes is left out.

    Named devices go where they are named; a share takes what is below it, earlier waves included; a
    number takes the first of the remaining devices in the order of their hash.
    """
    lots = {device_id: _Lot.drawn(salt, device_id) for device_id in device_ids}
    placed = {name: number for name, number in _named(plan).items() if lots.pop(name, None)}
    for number, wave in enumerate(plan.waves, 1):
        match wave.kind:
            case WaveKind.PERCENT:
                taken = [device_id for device_id, lot in lots.items() if lot.bucket < wave.amount]
            case WaveKind.COUNT:
                taken = nsmallest(wave.amount, lots, key=lambda device_id: lots[device_id].rank)
            case WaveKind.DEVICES:
                taken = []
        for device_id in taken:
            del lots[device_id]
            placed[device_id] = number
    return placed


def place_one(
    plan: RolloutPlan, salt: str, device_id: str, *, current: int, members: Sequence[int]
) -> int | None:
    """The wave of one device that comes later; None if no wave takes it.

    Args:
        plan: of the rollout.
        salt: of the rollout.
        device_id: the device.
        current: the last wave that is open; a wave before it is over, and takes nobody any more.
        members: how many devices each wave has, the first wave's first.
    """
    named = _named(plan).get(device_id)
    if named is not None:
        return max(named, current)
    stands = bucket(salt, device_id)
    for number, wave in enumerate(plan.waves, 1):
        if wave.kind is WaveKind.PERCENT and stands < wave.amount:
            return max(number, current)
        if wave.kind is WaveKind.COUNT and number >= current and members[number - 1] < wave.amount:
            return number
    return None


@dataclass(frozen=True, slots=True)
class _Lot:
    """What a device's hash says."""

    rank: bytes
    bucket: int

    @classmethod
    def drawn(cls, salt: str, device_id: str) -> Self:
        digest = sha256(f"{salt}:{device_id}".encode()).digest()
        return cls(digest[:8], int.from_bytes(digest[:4], "big") % WHOLE)


def _named(plan: RolloutPlan) -> dict[str, int]:
    return {name: number for number, wave in enumerate(plan.waves, 1) for name in wave.devices}
