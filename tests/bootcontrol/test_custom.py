"""The boot control over a script of RAUC's kind: what is remembered, what is asked, what is refused."""

from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.boot_loaders.custom import TRIES, CustomLoader, script_over, simulated
from support.boot_loaders.models import MODELS
from support.boot_loaders.raspberry_pi import BOOT_ID, new_boot_id
from support.episodes import Episode
from support.simulated import make_config

from ota_client.bootcontrol.custom.memory import CustomMemory
from ota_client.errors import BootControlError, ConfigError, KnownBadReleaseError
from ota_client.testing import SimulatedStorage

MODEL = MODELS["custom"]


class Board:
    """A disk, a script, and the boot control of whatever slot runs."""

    def __init__(self, folder, script=script_over, more=""):
        self.config = simulated(make_config(folder, b"", boot=MODEL.boot + more))
        self.storage, self.booted, self.calls = SimulatedStorage({}), "A", []
        CustomLoader(self.config).prepare(self.storage)
        played = script(self.storage)

        def call(*words, may_fail=False, **variables):
            self.calls.append((*words, *variables.values()))
            return played(*words, may_fail=may_fail, **variables)

        loader = self.config.boot.loader
        self.control = loader.open_with(call, self.storage, ("A", "B"), lambda: self.booted)

    def boot(self, slot):
        self.booted = slot
        self.storage._now[BOOT_ID] = bytearray(new_boot_id())
        self.calls.clear()

    @property
    def sets(self):
        return [call for call in self.calls if call[0].startswith("set-")]

    def slot(self, name):
        return self.control.status().slots[name]


@pytest.fixture
def board(tmp_path):
    board = Board(tmp_path)
    board.control.provision("A")
    board.calls.clear()
    return board


def test_a_new_device_tells_the_script_that_nothing_but_what_runs_is_good(tmp_path):
    board = Board(tmp_path)
    board.control.provision("A")
    expected = [
        ("set-state", "system0", "good"),
        ("set-primary", "system0"),
        ("set-state", "system1", "bad"),
    ]
    assert board.sets == expected
    assert board.slot("A").good
    assert not board.slot("B").bootable
    with pytest.raises(ConfigError, match="expected no record yet"):
        board.control.provision("A")


def test_a_device_that_was_not_provisioned_says_so(tmp_path):
    with pytest.raises(BootControlError, match="provision the device first"):
        Board(tmp_path).control.status()


def test_the_script_hears_what_rauc_would_tell_it(board):
    board.control.set_unbootable("B")
    board.control.activate("B")
    assert board.sets == [("set-state", "system1", "bad"), ("set-primary", "system1")]
    board.boot("B")
    board.control.mark_good("B")
    assert board.sets == [("set-state", "system1", "good")]
    assert board.slot("B").good


def test_a_slot_on_trial_is_not_confirmed_though_the_script_calls_it_good(board):
    board.control.activate("B")
    assert board.control.status().primary == "B"
    assert board.slot("B").bootable
    assert not board.slot("B").good
    assert board.slot("B").tries_left == 3


def test_a_trial_that_is_called_off_makes_way_before_it_is_called_bad(board):
    board.control.activate("B")
    board.calls.clear()
    board.control.set_unbootable("B")
    assert board.sets == [("set-primary", "system0"), ("set-state", "system1", "bad")]
    assert not board.slot("B").bootable


def test_the_last_confirmed_slot_stays(board):
    with pytest.raises(BootControlError, match="expected another confirmed slot than A"):
        board.control.set_unbootable("A")
    assert board.slot("A").good


def test_a_confirmed_slot_is_confirmed_anew_once_a_boot(board):
    board.boot("A")
    for _ in range(3):
        board.control.settle()
    assert board.sets == [("set-state", "system0", "good")]


def test_what_the_script_gave_up_is_given_up_at_the_next_boot(board):
    board.control.activate("B")
    board.boot("A")
    script_over(board.storage)("set-state", "system1", "bad")
    assert not board.slot("B").bootable
    board.control.settle()
    assert board.slot("B").tries_left == 0
    board.control.activate("B")
    assert board.slot("B").tries_left == 3


def test_a_boot_loader_that_never_gives_up_does_not_loop_for_ever(board):
    board.control.activate("B")
    for left in (2, 1, 0):
        board.boot("A")
        board.control.settle()
        assert board.slot("B").tries_left == left
    assert not board.slot("B").bootable
    assert board.control.status().primary == "A"


@pytest.fixture
def counting(tmp_path):
    """A boot loader that takes tries from confirmed slots too, as RAUC's script for U-Boot does."""
    board = Board(tmp_path, partial(script_over, confirmed=TRIES))
    board.control.provision("A")
    return board


def test_a_confirmed_slot_on_its_last_try_is_told_and_confirmed_anew(counting):
    for _ in range(3):
        CustomLoader(counting.config).start(counting.storage)
    assert counting.control.status().primary is None
    assert not counting.slot("A").good
    counting.control.settle()
    assert counting.control.status().primary == "A"
    assert counting.slot("A").good


def one_shot(storage):
    """A script over a flag that is lost with the power: it tells of no change until it is confirmed."""
    state = {"primary": "system0"}
    _ = storage

    def call(verb, *names, **_variables):
        if verb == "get-state":
            return "good" if names[0] == state["primary"] else "bad"
        if verb == "set-state" and names[1] == "good":
            state["primary"] = names[0]
        return state["primary"] if verb == "get-primary" else ""

    return call


def test_a_script_that_arms_a_one_shot_flag_is_believed_after_the_restart(tmp_path):
    board = Board(tmp_path, one_shot)
    board.control.provision("A")
    board.control.activate("B")
    assert board.slot("B").bootable
    board.boot("A")
    assert not board.slot("B").bootable
    board.control.activate("B")
    board.boot("B")
    board.control.mark_good("B")
    assert board.control.status().primary == "B"
    assert board.slot("B").good


def test_an_agent_that_installs_the_same_failing_release_again_and_again_comes_to_an_end(tmp_path):
    episode = Episode(tmp_path, ("rootfs",), "custom")
    episode.release("1.1.0", 2)
    episode.device.client.install()
    assert episode.device.fail_boot() == "A"
    with pytest.raises(KnownBadReleaseError):
        episode.device.client.install()


def test_a_confirmed_slot_stays_though_its_boot_loader_counts_every_boot(counting):
    counting.control.activate("B")
    counting.boot("B")
    counting.control.mark_good("B")
    for _ in range(8):
        assert CustomLoader(counting.config).start(counting.storage) == "B"
        counting.control.settle()


def test_kernel_arguments_need_a_script_that_passes_them(board, tmp_path):
    with pytest.raises(BootControlError, match="passes_arguments = true"):
        board.control.activate("B", "roothash=00")
    assert not board.slot("B").bootable
    passing = Board(tmp_path, more="passes_arguments = true\n")
    passing.control.provision("A")
    passing.control.activate("B", "roothash=00")
    assert passing.sets[-1] == ("set-primary", "system1", "roothash=00")


@pytest.mark.parametrize("answer", ["system2", "system0\nsystem1", "\x1b[31m", "\ufffd" * 40])
def test_a_primary_that_is_no_slot_is_one_sentence(tmp_path, answer):
    board = Board(tmp_path)
    board.control.provision("A")
    control = board.config.boot.loader.open_with(
        lambda *_words, **_variables: answer, board.storage, ("A", "B"), lambda: "A"
    )
    with pytest.raises(BootControlError, match="expected one of system0, system1") as refused:
        control.status()
    assert "\n" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_state_that_is_neither_good_nor_bad_is_one_sentence(tmp_path):
    def answers(storage):
        played = script_over(storage)
        return lambda verb, *words, **more: (
            "so so" if verb == "get-state" else played(verb, *words, **more)
        )

    board = Board(tmp_path, answers)
    board.control.provision("A")
    with pytest.raises(BootControlError, match="get-state B: expected good or bad, got 'so so'"):
        board.control.status()


@given(st.binary(max_size=200))
def test_any_record_is_read_as_it_is_written_or_refused(data):
    with suppress(BootControlError):
        assert CustomMemory.from_bytes(data).to_bytes() == data


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("tries = 16", "an integer from 1 to 15"),
        ("deadline_s = 0", "an integer from 1 to 3600"),
        ('get_current = "yes"', "true or false"),
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path, more, said):
    with pytest.raises(ConfigError, match=said):
        make_config(tmp_path, b"", boot=f"{MODEL.boot}{more}\n")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ('{A = "a b"}', "a word of printable ASCII"),
        ('{A = "-a"}', "a word of printable ASCII"),
        ('{C = "c"}', "expected A, B, got C"),
        ('{A = "B"}', "another name for each slot"),
    ],
)
def test_a_wrong_name_of_a_slot_is_one_sentence(tmp_path, names, said):
    boot = MODEL.boot.replace('{A = "system0", B = "system1"}', names)
    with pytest.raises(ConfigError, match=said):
        make_config(tmp_path, b"", boot=boot).boot.open(SimulatedStorage({}), ("A", "B"))
