"""A release engineer as a process: ``python -m bench.publisher FOLDER RELEASES``.

Makes a repository that lists all releases but one, adds and publishes the last one, and prints what that
cost, as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tuf.api.metadata import Metadata, TargetFile, Targets

from bench import scene
from ota_client import trust
from ota_client.formats.version import Version
from ota_client.manifest import ReleaseManifest
from ota_client.network.directory import DirectoryFetcher
from ota_client.rollback import TrustFloor
from signing.repository import Repository


class CountingFetcher(DirectoryFetcher):
    """Counts the bytes of what a device fetches."""

    fetched_bytes = 0

    def get(self, url: str, *, max_bytes: int) -> bytes:
        """Fetch a file."""
        data = super().get(url, max_bytes=max_bytes)
        self.fetched_bytes += len(data)
        return data


def list_releases(repository: Repository, count: int) -> None:
    """Stage ``count`` releases alike: one by one, they would take hours."""
    first = Version(1, 0, 0)
    image = repository.folder / "image"
    scene.stage_release(repository, str(first), {"rootfs": image})
    staged = repository.staged_dir / "targets" / scene.PRODUCT
    (manifest_path,) = (staged / str(first)).glob("*.manifest.json")
    manifest = ReleaseManifest.from_bytes(manifest_path.read_bytes())
    with repository.edit(scene.PRODUCT, Targets, datetime.now(UTC)) as role:
        like = [target for path, target in role.targets.items() if f"/{first}/" in path]
        for patch in range(1, count):
            version = Version(1, 0, patch)
            (staged / str(version)).mkdir()
            data = replace(manifest, version=version).to_bytes()
            for target in like:
                _list_file(role, target, str(first), str(version), data, staged.parent)


def _list_file(
    role: Targets, like: TargetFile, first: str, version: str, manifest: bytes, targets: Path
) -> None:
    path = like.path.replace(f"/{first}/", f"/{version}/")
    if path.endswith("manifest.json"):
        entry = TargetFile.from_data(path, manifest, ["sha256"])
        (targets / entry.get_prefixed_paths()[0]).write_bytes(manifest)
    else:
        entry = TargetFile(like.length, like.hashes, path)
        os.link(targets / like.get_prefixed_paths()[0], targets / entry.get_prefixed_paths()[0])
    entry.unrecognized_fields = like.unrecognized_fields
    role.targets[path] = entry


def fetched_bytes(repository: Repository, cache: Path) -> int:
    """How many bytes of metadata a device fetches whose cache is ``cache``."""
    tree = scene.published(repository)
    fetcher = CountingFetcher(tree)
    trust.refresh(
        pinned_root=(tree / "metadata/1.root.json").read_bytes(),
        cache_dir=cache,
        fetcher=fetcher,
        base_url=fetcher.base_url,
        product=scene.PRODUCT,
        now=datetime.now(UTC),
        floor=TrustFloor(),
    )
    return fetcher.fetched_bytes


def sign_plainly(repository: Repository) -> None:
    """What python-tuf needs to change the product's role: read, sign, write."""
    path = _role_path(repository)
    role = Metadata[Targets].from_bytes(path.read_bytes())
    role.sign(repository.keys.signer(repository.keys.read(scene.PRODUCT)))
    role.to_bytes()


def _role_path(repository: Repository) -> Path:
    folder = scene.published(repository) / "metadata"
    return max(folder.glob(f"*.{scene.PRODUCT}.json"), key=lambda path: int(path.name.split(".")[0]))


def _cpu_s(work: Callable[[], None]) -> float:
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def main() -> None:
    """Publish the last release, and tell what it cost."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    repository = scene.make_repository(folder)
    image = folder / "image"
    image.write_bytes(b"firmware")
    if count > 1:
        list_releases(repository, count - 1)
    scene.sign_and_publish(repository)
    with TemporaryDirectory() as known, TemporaryDirectory() as empty:
        fetched_bytes(repository, Path(known))
        last = f"1.1.{count}"
        costs = {
            "add_cpu_s": _cpu_s(lambda: scene.stage_release(repository, last, {"rootfs": image})),
            "publish_cpu_s": _cpu_s(lambda: scene.sign_and_publish(repository)),
            "plain_cpu_s": _cpu_s(lambda: sign_plainly(repository)),
            "role_bytes": _role_path(repository).stat().st_size,
            "next_bytes": fetched_bytes(repository, Path(known)),
            "first_bytes": fetched_bytes(repository, Path(empty)),
        }
    sys.stdout.write(json.dumps(costs))


if __name__ == "__main__":
    main()
