"""The fragment as shipped, run by the real GRUB, decides and writes as the model does (D03, D04)."""

from itertools import product

import pytest
from grub_device import FOLDER, GrubDevice, folder_files, live
from grub_emulator import Outcome, needs, run_fragment
from support.boot_loaders.grub import SIGNATURE, GrubLoader

from ota_client.testing import SimulatedStorage, every_cut

pytestmark = [pytest.mark.system, needs("grub-emu", "mke2fs", "debugfs", "mformat")]


def modelled(files) -> Outcome:
    storage = SimulatedStorage({f"{FOLDER}/{name}": data for name, data in files.items()})
    sets = GrubLoader(FOLDER).decide(storage)
    return Outcome(sets, folder_files(storage.files()).get("ratchet-tries.env"))


def assert_same(found, cases):
    for number, files in enumerate(cases):
        assert found[number] == modelled(files), (number, {n: d.strip(b"#") for n, d in files.items()})


def block(text: str) -> bytes:
    return (SIGNATURE + text.encode()).ljust(1024, b"#")


def states():
    """Copies 0 and 1 after some transitions, both ways round, and how many transitions there were."""
    device = GrubDevice()
    steps = [
        lambda control: control.activate("B", "roothash=0b"),
        lambda control: control.mark_good("B"),
        lambda control: control.set_unbootable("A"),
        lambda control: control.activate("A", "a=1 b=2 c=a=d"),
        lambda control: control.set_unbootable("B"),
        lambda control: control.set_unbootable("A"),
        lambda control: control.mark_good("A"),
    ]
    for step in (lambda control: control.settle(), *steps):
        step(device.control)
        yield device.files


def trial_of(files) -> str:
    found = {line for data in files.values() for line in data.split(b"\n") if b"ratchet_trial" in line}
    return max(line.partition(b"=")[2] for line in found).decode()


def counts(trial: str) -> list[bytes]:
    """Files of tries: sound, exhausted, another trial's, torn, erased, foreign."""
    sound = [f"ratchet_tries_of={trial}\nratchet_tries={left}\n" for left in (3, 2, 1, 0)]
    odd = [
        f"ratchet_tries_of=1{trial}\nratchet_tries=0\n",
        f"ratchet_tries_of=1{trial}\n",
        f"ratchet_tries_of={trial}\n",
        f"ratchet_tries_of={trial}\nratchet_tries=4\n",
        f"ratchet_tries_of={trial}\nratchet_tries=\n",
        f"ratchet_tries_of={trial}\nratchet_tries=1",
        f"ratchet_tries_of=\\{trial}\nratchet_tries=\\2\nmore=3\n",
        f"#ratchet_tries_of={trial}\nratchet_tries=2\n",
        f"ratchet_tries=2\nratchet_tries_of={trial}\nratchet_tries=1\n",
        f"ratchet_tries_of=\0{trial}\nratchet_tries=2\n",
        "ratchet_tries=3\n",
        "\n=\n\\",
        "",
    ]
    damaged = [
        b"",
        b"#",
        b"\0" * 1024,
        b"\xff" * 1024,
        block(sound[1])[:512] + b"\xff" * 512,
        block(sound[1])[:60],
        b"\xff" * 512 + block(sound[1])[512:],
        (SIGNATURE + f"ratchet_tries_of=1\nratchet_tries=3\nx={'y' * 2000}".encode())[:1023] + b"\n",
    ]
    return [block(text) for text in (*sound, *odd)] + damaged


def copies(data: bytes) -> list[bytes]:
    return [data, data[:40] + b"\xff" * (len(data) - 40), b"\0" * len(data), b"\n" + data[1:], b""]


def test_every_count_of_tries_leads_to_the_same_slot(tmp_path, record_property):
    cases = [
        {**files, "ratchet-tries.env": count} for files in states() for count in counts(trial_of(files))
    ]
    cases += [
        {name: data for name, data in files.items() if name != "ratchet-tries.env"} for files in states()
    ]
    assert_same(run_fragment(tmp_path, cases), cases)
    record_property("states decided by GRUB", len(cases))


def test_damaged_copies_lead_to_the_same_slot(tmp_path, record_property):
    names = [f"ratchet-{copy}.{kind}" for copy in (0, 1) for kind in ("env", "sum")]
    cases = []
    for files in states():
        for name, other in product(names, names):
            for data in copies(files[name]):
                damaged = {**files, name: data}
                cases += [{**damaged, other: content} for content in copies(files[other])[:2]]
    unique = list({tuple(sorted(case.items())): case for case in cases}.values())
    assert_same(run_fragment(tmp_path, unique), unique)
    record_property("states decided by GRUB", len(unique))


@pytest.mark.parametrize("file_system", ["ext4", "fat"])
def test_every_medium_that_a_cut_leaves_starts_the_same_slot(tmp_path, file_system, record_property):
    device = GrubDevice()
    start = len(device.storage.operations)
    live(device)
    media = (cut.medium(device.storage) for cut in every_cut(device.storage.operations, first=start))
    cases = list({tuple(sorted(files.items())): folder_files(files) for files in media}.values())
    if file_system == "fat":
        cases = cases[::5]
    found = run_fragment(tmp_path, cases, file_system=file_system)
    assert_same(found, cases)
    assert all(outcome.sets[0] for outcome in found), "a device that does not start"
    record_property("states decided by GRUB", len(cases))
