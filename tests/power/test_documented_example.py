"""The example of docs/explanation/power-cuts.md is run as it stands there."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.memory_repository import BASE_URL, HARDWARE, PRODUCT, MemoryRepository, Release

from ota_client.testing.simulator import settings_text

PAGE = Path(__file__).parents[2] / "docs/explanation/power-cuts.md"


@pytest.mark.system  # a sweep of its own
def test_the_example_of_the_documentation_survives_every_cut(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_the_files_that_it_reads()
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(example, PAGE.name, "exec"), names)  # noqa: S102 our own page
    names["test_my_device_survives_every_power_cut"]()


def write_the_files_that_it_reads():
    repository = MemoryRepository(now=datetime.now(UTC))
    repository.put(Release("1.1.0", rollback_index=2))
    for name, data in repository.files.items():
        path = Path("published", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    Path("root.json").write_bytes(repository.pinned_root)
    Path("my-device.toml").write_text(
        settings_text(
            product=PRODUCT,
            hardware_id=HARDWARE,
            channel="stable",
            urls=(BASE_URL,),
            version="1.0.0",
            rollback_index=1,
            images=("rootfs",),
            network="",
        ),
        encoding="utf-8",
    )
