"""Scripts as they are: the shipped example, and those that hang, fail, babble or are not there."""

import os
import shutil
from pathlib import Path

import pytest
from support.simulated import make_config

from ota_client.bootcontrol.custom.script import BootScript
from ota_client.disk.storage import DiskStorage
from ota_client.errors import BootControlError

SHIPPED = Path(__file__).parents[2] / "integration/custom/boot-script"
SHELLS = {
    "sh": "#!/bin/sh",
    "busybox": "#!/usr/bin/env -S busybox sh",
    "bash": "#!/usr/bin/env -S bash --posix",
}


@pytest.fixture
def written(tmp_path):
    """Writes a script and gives back what calls it."""

    def write(text, deadline_s=60):
        path = tmp_path / "script"
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
        return BootScript(str(path), deadline_s, os.environ)

    return write


def test_an_answer_is_what_it_prints_without_blanks_around(written):
    assert written('echo " $1-$2 "')("get-state", "A") == "get-state-A"


def test_variables_reach_it_and_no_shell_sees_its_arguments(written):
    script = written('printf "%s %s" "$2" "$RATCHET_KERNEL_ARGUMENTS"')
    assert script("set-primary", "$(id);A", RATCHET_KERNEL_ARGUMENTS="a=b c") == "$(id);A a=b c"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exit 3", "expected it to end with 0, got 3"),
        ("kill -9 $$", "expected it to end with 0, got -9"),
        ("yes", "expected an answer of at most 256 bytes"),
    ],
)
def test_a_script_that_fails_or_babbles_is_one_sentence(written, text, said):
    with pytest.raises(BootControlError, match=said) as refused:
        written(text)("get-primary")
    assert "script get-primary: " in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_failure_that_is_allowed_is_an_empty_answer(written):
    assert not written("echo A; exit 1")("get-primary", may_fail=True)


@pytest.mark.walk(1)
@pytest.mark.parametrize("text", ["sleep 600", "sleep 600 & wait", "echo A; exec >&-; sleep 600"])
def test_a_script_that_hangs_is_ended_with_all_that_it_started(written, text):
    with pytest.raises(BootControlError, match="within 1 s, it did not"):
        written(text, deadline_s=1)("get-primary")


def test_what_it_says_beside_the_answer_is_no_part_of_it(written):
    assert written("echo noise >&2; echo A")("get-primary") == "A"


def test_bytes_that_are_no_text_are_an_answer_that_fits_nothing(written):
    assert "\ufffd" in written("printf '\\377\\000'")("get-primary")


def test_a_script_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(BootControlError, match="expected to run it, got No such file"):
        BootScript(str(tmp_path / "none"), 1, {})("get-primary")


@pytest.fixture(params=SHELLS)
def shipped(request, tmp_path, monkeypatch):
    """The example in ``integration/custom``, by each shell, over a folder of its own."""
    if shutil.which(request.param) is None:
        pytest.skip(f"install the Debian package {request.param} (busybox-static for busybox)")
    state = tmp_path / "state"
    state.mkdir()
    (tmp_path / "cmdline").write_text("quiet ratchet.slot=A rw\n", encoding="utf-8")
    monkeypatch.setenv("BOOT_STATE", str(state))
    monkeypatch.setenv("CMDLINE", str(tmp_path / "cmdline"))
    text = SHIPPED.read_text(encoding="utf-8").replace("#!/bin/sh", SHELLS[request.param], 1)
    script = tmp_path / "boot-script"
    script.write_text(text, encoding="utf-8")
    script.chmod(0o755)
    boot = (
        f'control = "custom"\nscript = "{script}"\nrecord = "{tmp_path}/record"\nget_current = true\n'
        "passes_arguments = true\ndeadline_s = 60\n"
    )
    return make_config(tmp_path, b"", boot=boot).boot.open(DiskStorage(), ("A", "B")), state


@pytest.mark.walk(1)
def test_the_shipped_example_carries_an_update_from_one_slot_to_the_other(shipped, tmp_path):
    control, state = shipped
    control.provision("A")
    assert control.status().primary == control.status().booted == "A"
    control.set_unbootable("B")
    assert not control.status().slots["B"].bootable
    control.activate("B", "roothash=00 quiet")
    assert (state / "primary").read_text() == "B"
    assert (state / "arguments.B").read_text() == "roothash=00 quiet"
    assert control.status().slots["B"].bootable
    (tmp_path / "cmdline").write_text("ratchet.slot=B\n", encoding="utf-8")
    assert not control.status().slots["B"].good
    control.mark_good("B")
    status = control.status()
    assert (status.booted, status.primary, status.slots["B"].good) == ("B", "B", True)
    assert status.slots["A"].good
    control.set_unbootable("A")
    assert not control.status().slots["A"].bootable


@pytest.mark.walk(1)
def test_the_shipped_example_falls_back_when_its_boot_loader_does(shipped):
    control, state = shipped
    control.provision("A")
    control.set_unbootable("B")
    control.activate("B")
    (state / "primary").write_text("A")
    assert control.status().primary == "A"
    control.set_unbootable("B")
    assert not control.status().slots["B"].bootable
    assert control.status().slots["A"].good


@pytest.mark.parametrize(
    "words", [(), ("set-primary",), ("set-state", "A"), ("get-state", "C"), ("remove", "A")]
)
def test_the_shipped_example_refuses_what_it_does_not_know(words, tmp_path):
    script = BootScript(str(SHIPPED), 60, {**os.environ, "BOOT_STATE": str(tmp_path)})
    with pytest.raises(BootControlError, match="got 1"):
        script(*words)
    assert not list(tmp_path.iterdir())
