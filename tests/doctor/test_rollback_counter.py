"""The TPM in the eyes of the doctor."""

from dataclasses import replace

import pytest
from support.counters import make_counter, make_index
from support.simulated_tpm import Memory, SimulatedTpm

from ota_client.counters.settings import CounterSettings
from ota_client.counters.tpm import TpmIndex
from ota_client.doctor.finding import Code, Severity
from ota_client.testing import SimulatedStorage


class Chip:
    def __init__(self, monkeypatch):
        self.tpm, self.storage = SimulatedTpm(), SimulatedStorage({})
        self.counter = make_counter(self.storage, self.tpm)
        self.counter.provision(3, replace=False)
        monkeypatch.setattr(CounterSettings, "open", lambda *_: self.counter)
        monkeypatch.setattr(TpmIndex, "of", lambda _: make_index(self.tpm))


@pytest.fixture
def chip(monkeypatch, device):
    device.settings += '[rollback_counter]\nkind = "tpm"\n'
    return Chip(monkeypatch)


def found(device):
    subject = next(e for e in device.examine().subjects if e.subject == "rollback counter")
    return [(finding.code, finding.severity) for finding in subject.findings]


def test_a_counter_that_root_can_remove_is_a_warning(device, chip):
    assert found(device) == [(Code.TPM_OWNER_OPEN, Severity.WARNING)]
    chip.tpm.memory = replace(chip.tpm.memory, owner_auth=b"factory")
    assert found(device) == []


def test_a_cleared_tpm_is_an_error(device, chip):
    chip.tpm.clear()
    assert found(device) == [(Code.COUNTER_LOST, Severity.ERROR)]


def test_a_tpm_that_was_never_provisioned_is_an_error(device, chip):
    chip.tpm.memory = Memory()
    chip.storage._now.pop("state/rollback-counter.0")
    chip.storage._now.pop("state/rollback-counter.1")
    assert found(device) == [(Code.COUNTER_UNPROVISIONED, Severity.ERROR)]


def test_a_record_that_was_put_back_is_an_error_and_a_tpm_that_follows_a_note(device, chip):
    make_index(chip.tpm).raise_to(5)
    assert found(device)[0] == (Code.COUNTER_OUT_OF_STEP, Severity.ERROR)
    chip.tpm.unplugged = True
    chip.counter.raise_to(9)
    chip.tpm.unplugged = False
    assert found(device)[0] == (Code.COUNTER_OUT_OF_STEP, Severity.NOTE)


def test_a_tpm_that_nobody_uses_is_told(device):
    (device.folder / "sys" / "class" / "tpm" / "tpm0").mkdir(parents=True)
    assert found(device) == [(Code.TPM_UNUSED, Severity.NOTE)]
