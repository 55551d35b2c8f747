"""One mistake planted at a time on a device that is well: each is found, with a way out."""

from datetime import UTC, datetime

import pytest
from device_on_paper import MIB, root

from ota_client.bootcontrol.file import FileBootControl, FileSettings
from ota_client.disk.storage import DiskStorage
from ota_client.doctor.finding import Code, Severity
from ota_client.doctor.owasp import ITEMS
from ota_client.errors import BootControlError

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE
LOOPBACK, EVERYWHERE, EVERYWHERE_6 = "0100007F", "00000000", "0" * 32


def boot(device):
    return device.config.boot.open(DiskStorage(), ("A", "B"))


def slot_is_missing(device):
    device.change("dev/mmcblk0p3", "dev/mmcblk0p9")


def slot_is_a_folder(device):
    (device.folder / "dev" / "folder").mkdir()
    device.change("dev/mmcblk0p3", "dev/folder")


def slots_differ_in_size(device):
    device.partition("mmcblk0p3", "179:3", start=80 * MIB, size_bytes=63 * MIB)


def slot_size_is_odd(device):
    for name, start in (("mmcblk0p2", 16), ("mmcblk0p3", 80)):
        device.partition(name, f"179:{name[-1]}", start=start * MIB, size_bytes=63 * MIB + 512)


def slot_is_misaligned(device):
    device.partition("mmcblk0p3", "179:3", start=80 * MIB + 512, size_bytes=64 * MIB)


def slots_overlap(device):
    device.partition("mmcblk0p3", "179:3", start=79 * MIB, size_bytes=64 * MIB)


def slots_are_one_file_by_two_names(device):
    device.write("one.img", "")
    (device.folder / "two.img").symlink_to(device.folder / "one.img")
    device.change("dev/mmcblk0p2", "one.img")
    device.change("dev/mmcblk0p3", "two.img")


def other_slot_is_mounted(device):
    device.mounts(("179:2", "/", "ext4", "ro"), ("179:3", "/mnt", "ext4", "rw"))


def other_slot_is_mounted_through_verity(device):
    device.write("sys/dev/block/254:0/slaves/mmcblk0p3/x", "")
    device.mounts(("179:2", "/", "ext4", "ro"), ("254:0", "/mnt", "ext4", "ro"))


def running_slot_is_writable(device):
    device.mounts(("179:2", "/", "ext4", "ro"), ("179:2", "/mnt", "ext4", "rw"))


def another_slot_runs_than_is_said(device):
    device.mounts(("179:4", "/", "ext4", "ro"))


def boot_record_is_missing(device):
    for copy in ("boot.0", "boot.1"):
        (device.folder / "data" / copy).unlink()


def nothing_tells_what_runs(device):
    (device.folder / "booted").unlink()


def boot_loader_knows_other_slots(device):
    device.change("[slots.B]", "[slots.C]")


def root_is_missing(device):
    (device.folder / "root.json").unlink()


def root_is_something_else(device):
    device.write("root.json", '{"signed": []}')


def root_has_expired(device):
    device.change_root(expires="2026-11-21T00:00:00Z")


def root_takes_one_key(device):
    roles = root()["signed"]["roles"]
    device.change_root(roles={**roles, "root": {"keyids": ["a"], "threshold": 1}})


def root_has_no_spare_key(device):
    roles = root()["signed"]["roles"]
    device.change_root(roles={**roles, "root": {"keyids": ["a", "b"], "threshold": 2}})


def root_key_is_online(device):
    roles = root()["signed"]["roles"]
    device.change_root(roles={**roles, "timestamp": {"keyids": ["a"], "threshold": 1}})


def clock_says_1970(device):
    device.now = datetime(1970, 1, 1, 0, 3, tzinfo=UTC)


def clock_is_behind(device):
    device.now = datetime(2026, 10, 1, tzinfo=UTC)


def clock_is_ahead(device):
    device.now = datetime(2060, 1, 1, tzinfo=UTC)


def build_time_is_missing(device):
    device.change('built_at = "2026-11-01T00:00:00Z"\n', "")


def state_is_on(kind, options="rw"):
    def plant(device):
        device.mounts(("179:2", "/", "ext4", "ro"), ("0:44", device.folder / "data", kind, options))

    return plant


def state_is_in_a_slot(device):
    device.mounts(("179:2", "/", "ext4", "ro"), ("179:3", device.folder / "data", "ext4", "rw"))


def state_is_open_to_others(device):
    (device.folder / "data" / "state").chmod(0o755)


def state_is_a_link(device):
    (device.folder / "data" / "link").symlink_to(device.folder / "data" / "state")
    device.change("data/state", "data/link")


def state_is_damaged(device):
    for copy in "01":
        device.write(f"data/state/state.{copy}", "damaged")


def http_is_plain(device):
    device.change("https://one.example/", "http://one.example/")
    device.settings += "[network]\ninsecure_http = true\n"


def ca_file_is_missing(device):
    device.settings += '[network]\nca_file = "none.pem"\n'


def ca_file_is_something_else(device):
    device.write("ca.pem", "-----BEGIN NOTHING-----\n")
    device.settings += '[network]\nca_file = "ca.pem"\n'


def telnet_listens(device):
    device.listen("tcp", EVERYWHERE, 23)


def a_web_server_listens(device):
    device.listen("tcp6", EVERYWHERE_6, 80)


def tftp_listens(device):
    device.listen("udp", EVERYWHERE, 69)


def password_is_empty(device):
    device.write("etc/shadow", "root:!:1::::::\nservice::1::::::\n")


def password_is_in_passwd_and_empty(device):
    device.write("etc/passwd", "root::0:0::/root:/bin/sh\n")


def password_is_hashed_by_des(device):
    device.write("etc/shadow", "service:abJnggxhB/yWI:1::::::\n")


def pi_has_a_password(device):
    device.write("etc/shadow", "pi:$6$salt$hash:1::::::\n")


def shadow_is_readable(device):
    (device.folder / "etc" / "shadow").chmod(0o644)


def ssh_takes_empty_passwords(device):
    device.write("etc/ssh/sshd_config", "PermitEmptyPasswords yes\n")


def ssh_takes_root(device):
    device.write("etc/ssh/sshd_config", "PermitRootLogin yes\nPermitRootLogin no\n")


def settings_are_writable(device):
    device.write("ota-client.toml", "").chmod(0o666)


def hook_is_missing(device):
    device.settings += '[hooks]\nhealth_check = ["/no/such/program"]\n'


def hook_is_writable(device):
    hook = device.write("hook", "#!/bin/sh\n")
    hook.chmod(0o777)
    device.settings += f'[hooks]\nhealth_check = ["{hook}"]\n'


def kernel_starts_a_shell(device):
    device.write("proc/cmdline", "root=/dev/mmcblk0p2 init=/bin/sh\n")


def tpm_is_unplugged(device):
    device.settings += '[rollback_counter]\nkind = "tpm"\ndevice = "/no/such/tpm"\n'


MISTAKES = [
    (slot_is_missing, Code.SLOT_MISSING, ERROR),
    (slot_is_a_folder, Code.SLOT_KIND, ERROR),
    (slots_differ_in_size, Code.SLOT_SIZES_DIFFER, ERROR),
    (slot_size_is_odd, Code.SLOT_SIZE_ODD, WARNING),
    (slot_is_misaligned, Code.SLOT_MISALIGNED, WARNING),
    (slots_overlap, Code.SLOTS_OVERLAP, ERROR),
    (slots_are_one_file_by_two_names, Code.SLOTS_OVERLAP, ERROR),
    (other_slot_is_mounted, Code.SLOT_MOUNTED, ERROR),
    (other_slot_is_mounted_through_verity, Code.SLOT_MOUNTED, ERROR),
    (running_slot_is_writable, Code.RUNNING_SLOT_WRITABLE, WARNING),
    (another_slot_runs_than_is_said, Code.RUNNING_SLOT_ELSEWHERE, ERROR),
    (boot_record_is_missing, Code.BOOT_STATE, ERROR),
    (nothing_tells_what_runs, Code.BOOT_STATE, ERROR),
    (boot_loader_knows_other_slots, Code.BOOT_STATE, ERROR),
    (root_is_missing, Code.ROOT_MISSING, ERROR),
    (root_is_something_else, Code.ROOT_MALFORMED, ERROR),
    (root_has_expired, Code.ROOT_EXPIRED, WARNING),
    (root_takes_one_key, Code.ROOT_THRESHOLD, WARNING),
    (root_has_no_spare_key, Code.ROOT_NO_SPARE_KEY, WARNING),
    (root_key_is_online, Code.ROOT_KEY_ONLINE, ERROR),
    (clock_says_1970, Code.CLOCK_UNSET, ERROR),
    (clock_is_behind, Code.CLOCK_BEHIND, WARNING),
    (clock_is_ahead, Code.CLOCK_AHEAD, WARNING),
    (build_time_is_missing, Code.BUILT_AT_MISSING, WARNING),
    (state_is_on("tmpfs"), Code.STATE_VOLATILE, ERROR),
    (state_is_on("9p"), Code.STATE_REMOTE, ERROR),
    (state_is_on("overlay"), Code.STATE_OVERLAY, WARNING),
    (state_is_on("ext4", "ro"), Code.STATE_READ_ONLY, ERROR),
    (state_is_on("ext4", "rw,nobarrier"), Code.STATE_NO_BARRIER, ERROR),
    (state_is_in_a_slot, Code.STATE_IN_SLOT, ERROR),
    (state_is_open_to_others, Code.STATE_MODE, ERROR),
    (state_is_a_link, Code.STATE_LINK, ERROR),
    (state_is_damaged, Code.STATE_UNREADABLE, ERROR),
    (http_is_plain, Code.PLAIN_HTTP, ERROR),
    (ca_file_is_missing, Code.CERTIFICATE_MISSING, ERROR),
    (ca_file_is_something_else, Code.CERTIFICATE_MALFORMED, ERROR),
    (telnet_listens, Code.INSECURE_SERVICE, ERROR),
    (a_web_server_listens, Code.OPEN_PORT, WARNING),
    (tftp_listens, Code.INSECURE_SERVICE, ERROR),
    (password_is_empty, Code.PASSWORD_EMPTY, ERROR),
    (password_is_in_passwd_and_empty, Code.PASSWORD_EMPTY, ERROR),
    (password_is_hashed_by_des, Code.PASSWORD_WEAK_HASH, WARNING),
    (pi_has_a_password, Code.DEFAULT_ACCOUNT, WARNING),
    (shadow_is_readable, Code.PASSWORD_FILE_READABLE, ERROR),
    (ssh_takes_empty_passwords, Code.SSH_EMPTY_PASSWORDS, ERROR),
    (ssh_takes_root, Code.SSH_ROOT_LOGIN, WARNING),
    (settings_are_writable, Code.FILE_WRITABLE, ERROR),
    (hook_is_missing, Code.HOOK_MISSING, ERROR),
    (hook_is_writable, Code.FILE_WRITABLE, ERROR),
    (kernel_starts_a_shell, Code.BOOT_TO_SHELL, ERROR),
    (tpm_is_unplugged, Code.COUNTER_UNAVAILABLE, ERROR),
]


def test_a_device_that_is_well_has_no_warnings(device):
    diagnosis = device.examine()
    # before its first update, the other slot is empty
    assert {f.code for f in diagnosis.findings} == {Code.BOOT_NO_FALLBACK}
    assert diagnosis.severity is NOTE


@pytest.mark.walk(20)
@pytest.mark.parametrize(("plant", "code", "severity"), MISTAKES)
def test_each_planted_mistake_is_found(device, plant, code, severity):
    plant(device)
    found = [finding for finding in device.examine().findings if finding.code == code]
    assert found, device.examine().findings
    assert {finding.severity for finding in found} == {severity}
    assert all(finding.way_out and "\n" not in finding.what for finding in found)


def test_ten_mistakes_at_once_are_all_found(device):
    plants = (
        *(ssh_takes_empty_passwords, slots_differ_in_size, boot_record_is_missing, root_key_is_online),
        *(build_time_is_missing, state_is_open_to_others, http_is_plain, telnet_listens),
        *(password_is_empty, kernel_starts_a_shell, state_is_on("tmpfs")),
    )
    for plant in plants:
        plant(device)
    codes = {code for plant, code, _ in MISTAKES if plant in plants} | {Code.STATE_VOLATILE}
    assert len(codes) == 11
    assert codes <= {finding.code for finding in device.examine().findings}


def test_the_doctor_changes_nothing(device):
    device.examine()
    before = {path: path.lstat().st_mtime_ns for path in device.folder.rglob("*")}
    (device.folder / "ota-client.toml").unlink()
    device.examine()
    after = {path: path.lstat().st_mtime_ns for path in device.folder.rglob("*")}
    for changed in (device.folder, device.folder / "ota-client.toml"):
        before.pop(changed, None), after.pop(changed, None)
    assert after == before


def test_a_port_on_the_loopback_is_not_open(device):
    device.listen("tcp", LOOPBACK, 80)
    device.listen("tcp6", "0000000000000000FFFF00000100007F", 80)
    assert Code.OPEN_PORT not in {finding.code for finding in device.examine().findings}


def test_an_open_port_names_its_process(device):
    device.listen("tcp", EVERYWHERE, 8080, inode="4711")
    device.write("proc/99/comm", "dropbear\n")
    (device.folder / "proc" / "99" / "fd").mkdir()
    (device.folder / "proc" / "99" / "fd" / "3").symlink_to("socket:[4711]")
    said = [f.what for f in device.examine().findings if f.code is Code.OPEN_PORT]
    assert said == ["tcp port 8080 is open on 0.0.0.0: dropbear (process 99)"]


def test_what_cannot_be_looked_at_is_told_and_the_rest_goes_on(device):
    device.write("proc/self/mountinfo", "").unlink()
    device.write("proc/net/tcp", "nonsense\nmore: nonsense\n")
    diagnosis = device.examine()
    unseen = {e.subject for e in diagnosis.subjects if Code.UNSEEN in {f.code for f in e.findings}}
    assert unseen == {"slots", "state directory", "open ports"}


class Canary(FileBootControl):
    answer: bool | None = True

    def canary(self, cmdline):
        assert "quiet" in cmdline
        if self.answer is None:
            raise BootControlError("expected the boot loader to read this environment, got another")
        return self.answer


@pytest.mark.parametrize(
    ("answer", "codes"),
    [(True, set()), (False, {Code.BOOT_CANARY_SILENT}), (None, {Code.BOOT_CANARY})],
)
def test_a_boot_loader_that_reads_another_environment_is_found(device, monkeypatch, answer, codes):
    opened = FileSettings.open

    def with_canary(*arguments):
        control = opened(*arguments)
        control.__class__ = Canary
        control.answer = answer
        return control

    monkeypatch.setattr(FileSettings, "open", with_canary)
    found = {finding.code for finding in device.examine().findings}
    assert {code for code in found if "canary" in code} == codes


def test_a_running_trial_and_its_end_are_told(device):
    boot(device).activate("B")
    device.write("booted", "B\n")
    device.mounts(("179:3", "/", "ext4", "ro"), ("179:4", device.folder / "data", "ext4", "rw"))
    assert {finding.code for finding in device.examine().findings} == {Code.BOOT_TRIAL}
    boot(device).mark_good("B")
    assert device.examine().findings == ()


def test_each_of_owasps_ten_says_what_is_seen_of_it(device):
    assert [item.number for item in ITEMS] == list(range(1, 11))
    seen = set().union(*(item.codes for item in ITEMS))
    assert seen | {Code.UNSEEN, Code.ONE_URL} == set(Code)
    assert all(item.codes or "cannot be seen" in item.sight for item in ITEMS)
    telnet_listens(device)
    services = device.examine().to_fields()["owasp"][1]
    assert services["findings"] == ["insecure-service"]
