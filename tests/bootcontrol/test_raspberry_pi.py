"""The boot control for Raspberry Pi's ``tryboot``: who starts, who counts, who gives up."""

from pathlib import Path

import pytest
from support.boot_loaders.models import MODELS
from support.boot_loaders.raspberry_pi import BOOT_ID, RaspberryPiLoader, new_boot_id
from support.episodes import Episode
from support.simulated import make_config

from ota_client import DeviceConfig
from ota_client.bootcontrol.raspberry_pi.control import PARTITION
from ota_client.device import provision
from ota_client.disk.storage import DiskStorage
from ota_client.errors import BootControlError, ConfigError, KnownBadReleaseError
from ota_client.testing import SimulatedStorage

MODEL = MODELS["raspberry-pi"]
FACTORY = "/select/autoboot.txt"


class Pi:
    """A board's disk and boot loader, and the boot control of whatever slot runs."""

    def __init__(self, config: DeviceConfig):
        self.config, self.booted = config, "A"
        self.storage = SimulatedStorage({})
        self.loader = RaspberryPiLoader(config)
        self.loader.prepare(self.storage)
        self.control = config.boot.open(self.storage, ("A", "B"), lambda: self.booted)

    def lose_power(self):
        """What comes up is the default slot; the flag of a deliberate restart is gone."""
        self.storage._now[BOOT_ID] = bytearray(new_boot_id())
        self.booted = "A" if b"boot_partition=2" in self.autoboot.split(b"[tryboot]")[0] else "B"

    @property
    def autoboot(self):
        return self.storage.files()[FACTORY]

    @property
    def tries_left(self):
        return self.control.status().slots["B"].tries_left


@pytest.fixture
def config(tmp_path):
    return make_config(tmp_path, b"", boot=MODEL.boot)


@pytest.fixture
def pi(config):
    pi = Pi(config)
    pi.control.provision("A")
    return pi


def test_a_new_device_starts_what_runs_and_nothing_else(pi):
    status = pi.control.status()
    assert (status.booted, status.primary) == ("A", "A")
    assert status.slots["A"].good
    assert not status.slots["B"].bootable


def test_a_device_is_provisioned_once_and_from_the_slot_that_starts_by_default(pi, config):
    with pytest.raises(ConfigError, match="expected no record yet"):
        pi.control.provision("A")
    with pytest.raises(ConfigError, match="expected boot_partition=3"):
        Pi(config).control.provision("B")


def test_a_device_that_was_not_provisioned_says_so(config):
    with pytest.raises(BootControlError, match="provision the device first"):
        Pi(config).control.status()


def test_a_slot_on_trial_is_named_for_one_restart_and_the_confirmed_one_stays_the_default(pi):
    pi.control.activate("B")
    assert b"[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n" in pi.autoboot
    status = pi.control.status()
    assert (status.primary, pi.tries_left) == ("B", 3)
    assert status.slots["B"].bootable
    assert not status.slots["B"].good


def test_no_restart_leads_into_a_slot_that_is_being_written(pi):
    pi.control.activate("B")
    pi.control.set_unbootable("B")
    assert b"boot_partition=3" not in pi.autoboot


def test_the_confirmed_slot_is_not_given_up(pi):
    with pytest.raises(BootControlError, match="before A is given up"):
        pi.control.set_unbootable("A")
    with pytest.raises(BootControlError, match="not confirmed"):
        pi.control.activate("A")


def test_confirmed_means_started_by_default(pi):
    pi.control.activate("B")
    pi.booted = "B"
    pi.control.mark_good("B")
    status = pi.control.status()
    assert (status.primary, status.slots["B"].good) == ("B", True)
    assert not status.slots["A"].bootable
    assert b"boot_partition=2" not in pi.autoboot


def test_to_confirm_the_running_slot_leaves_a_waiting_one_on_trial(pi):
    pi.control.activate("B")
    pi.control.mark_good("A")
    assert pi.control.status().slots["B"].bootable


def test_a_slot_that_was_given_up_is_not_confirmed_by_its_last_breath(pi):
    pi.control.activate("B")
    pi.booted = "B"
    pi.control.set_unbootable("B")
    with pytest.raises(BootControlError, match="given up"):
        pi.control.mark_good("B")


def test_a_power_cut_before_the_trial_is_no_failure(pi):
    pi.control.activate("B")
    pi.lose_power()
    pi.control.settle()
    assert pi.tries_left == 2
    assert pi.control.status().slots["B"].bootable


def test_a_boot_takes_one_try_however_often_the_agent_starts_in_it(pi):
    pi.control.activate("B")
    pi.control.settle()
    assert pi.tries_left == 3
    pi.lose_power()
    for _ in range(4):
        pi.control.settle()
    assert pi.tries_left == 2


def test_a_boot_of_the_slot_on_trial_takes_none(pi):
    pi.control.activate("B")
    pi.lose_power()
    pi.booted = "B"
    pi.control.settle()
    assert pi.tries_left == 3


def test_a_slot_that_never_comes_up_is_given_up_after_its_tries(pi):
    pi.control.activate("B")
    for _ in range(3):
        pi.lose_power()
        pi.control.settle()
    assert not pi.control.status().slots["B"].bootable
    assert b"boot_partition=3" not in pi.autoboot


def test_after_one_was_given_up_the_next_trial_has_all_tries(pi):
    test_a_slot_that_never_comes_up_is_given_up_after_its_tries(pi)
    pi.control.activate("B")
    assert pi.tries_left == 3


def test_an_agent_that_installs_the_same_failing_release_again_and_again_comes_to_an_end(tmp_path):
    episode = Episode(tmp_path, ("rootfs",), "raspberry-pi")
    episode.release("1.1.0", 2)
    for _ in range(3):
        episode.device.client.install()
        assert episode.device.fail_boot() == "A"
    with pytest.raises(KnownBadReleaseError):
        episode.device.client.install()
    assert [str(bad.version) for bad in episode.device.client.status().bad_releases] == ["1.1.0"]


def test_kernel_arguments_are_refused_with_the_place_where_they_belong(pi):
    with pytest.raises(BootControlError, match=r"cmdline\.txt on the slot's boot partition"):
        pi.control.activate("B", "roothash=00")
    assert not pi.control.status().slots["B"].bootable


def test_the_device_tree_tells_which_slot_runs(config):
    told = SimulatedStorage({PARTITION: b"\0\0\0\3"})
    assert config.boot.running(told) == "B"
    with pytest.raises(BootControlError, match="A = 2, B = 3"):
        config.boot.running(SimulatedStorage({PARTITION: b"\0\0\0\1"}))


def test_a_file_that_names_the_running_slot_has_the_last_word(tmp_path):
    booted = tmp_path / "booted"
    booted.write_text("A\n", encoding="utf-8")
    config = make_config(tmp_path, b"", boot=f'{MODEL.boot}booted_file = "{booted}"\n')
    assert config.boot.running(SimulatedStorage({PARTITION: b"\0\0\0\3"})) == "A"


def test_a_real_board_is_provisioned_by_what_its_device_tree_tells(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ota_client.bootcontrol.raspberry_pi.control.PARTITION", str(tmp_path / "partition")
    )
    (tmp_path / "partition").write_bytes(b"\0\0\0\2")
    (tmp_path / "autoboot.txt").write_bytes(Path("integration/raspberry-pi/autoboot.txt").read_bytes())
    boot = MODEL.boot.replace("/select/", "").replace("/boot/", "")
    config = make_config(tmp_path, b"", boot=boot)
    assert provision(config, DiskStorage()) == "A"
    control = config.boot.open(DiskStorage(), ("A", "B"))
    control.activate("B")
    assert control.status().slots["B"].tries_left == 3


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("B = 3", "B = 2", "another partition for each slot"),
        ("B = 3", "B = 64", "an integer from 1 to 63"),
        ("B = 3", 'B = "3"', "an integer from 1 to 63"),
        ("{A = 2, B = 3}", "{A = 2, B = 3}\ntries = 0", "an integer from 1 to 15"),
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path, before, after, said):
    with pytest.raises(ConfigError, match=said):
        make_config(tmp_path, b"", boot=MODEL.boot.replace(before, after))


def test_each_slot_needs_its_partition(tmp_path):
    config = make_config(tmp_path, b"", boot=MODEL.boot.replace(", B = 3", ""))
    with pytest.raises(ConfigError, match="expected the slots A, B, got A"):
        config.boot.open(SimulatedStorage({}), ("A", "B"))
