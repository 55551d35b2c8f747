"""Any bytes are U-Boot's environment, or its places, or an error of one line.

python tests/fuzz/fuzz_uboot.py -runs=10000
"""

from fuzzing import fuzz, watched

with watched():
    from ota_client.bootcontrol.uboot.conventions import BootCount, Rauc
    from ota_client.bootcontrol.uboot.environment import Variables
    from ota_client.bootcontrol.uboot.locations import parse_lines
    from ota_client.errors import BootControlError, ConfigError


def target(data: bytes) -> None:
    variables = Variables.parse(data)
    assert Variables.parse(variables.to_bytes(len(data) + 2)) == variables
    for convention in (Rauc(3), BootCount(3)):
        try:
            view = convention.view(variables, "B")
            assert view.good or view.bootable or view.tries_left >= 0
            settled = variables.changed(convention.settled(variables, "A"))
            active = settled.changed(convention.activated(settled, "B"))
            assert convention.view(active, "B").bootable
        except BootControlError as e:
            check_one_line(e)
    try:
        parse_lines(data.decode(errors="replace").splitlines(), "fw_env.config", copies=2)
    except ConfigError as e:
        check_one_line(e)


def check_one_line(e: Exception) -> None:
    if "\n" in str(e):
        raise AssertionError("an error of more than one line") from e


if __name__ == "__main__":
    fuzz(target)
