"""A release engineer's desk for tests: a repository folder with keys, and the usual moves."""

import os
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

from ota_client.errors import HttpStatusError
from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from ota_client.network.directory import DirectoryFetcher
from ota_client.rollback import TrustFloor
from ota_client.trust import refresh
from signing import encrypted_key
from signing.product import add_product
from signing.publication.destination import FolderDestination
from signing.publish import publish
from signing.release import NewRelease, add_release
from signing.repository import Repository
from signing.review import review
from signing.root import create_repository
from signing.sign import sign

PRODUCT = "gateway"
HARDWARE = "gw-rev2"
NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
PASSPHRASE = "correct horse"


def without_waiting(monkeypatch):
    # 0.2 s for each opening of a key is for thieves, and fsync for power cuts; not for tests
    monkeypatch.setattr(encrypted_key, "KDF_ROUNDS", 1000)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def version(text):
    return Version.parse(text)


class SigningDesk:
    """A repository with one Ed25519 key for each role; its clock moves only by hand."""

    def __init__(self, folder: Path, now=NOW):
        self.folder = folder
        self.now = now
        self.notices = []
        self.repository = create_repository(
            folder / "repository",
            now=self.now,
            secrets=self.secrets,
            with_keys=True,
            notice=self.notices.append,
        )
        add_product(self.repository, PRODUCT, (HARDWARE,), now=self.now)

    def copy(self, folder: Path):
        """Another desk with the same keys: that costs less than to make them."""
        other = object.__new__(SigningDesk)
        shutil.copytree(self.repository.folder, folder / "repository", symlinks=True)
        other.folder, other.now, other.notices = folder, self.now, [*self.notices]
        other.repository = Repository(
            folder / "repository", secrets=other.secrets, notice=other.notices.append
        )
        return other

    def secrets(self, _what):
        return PASSPHRASE

    @property
    def published(self):
        return self.repository.folder / "published"

    def pass_time(self, **by):
        self.now += timedelta(**by)

    def another(self):
        """A second person at the same folder."""
        return Repository(self.repository.folder, secrets=self.secrets)

    def image(self, content=b"firmware"):
        path = self.folder / "image.bin"
        path.write_bytes(content)
        return path

    def new(self, text, index=1, *, content=b"firmware", channels=("stable",), **more):
        return NewRelease(
            PRODUCT,
            version(text),
            index,
            (HARDWARE,),
            (("rootfs", self.image(content)),),
            channels,
            **more,
        )

    def add(self, text, index=1, **more):
        return add_release(self.repository, self.new(text, index, **more), now=self.now)

    def review(self, user="alice"):
        return {entry.role: entry for entry in review(self.repository, user=user)}

    def sign(self, *keys, user="alice"):
        review(self.repository, user=user)
        return {c.role: c for c in sign(self.repository, user=user, key_names=keys)}

    def publish(self, *, to=None, **more):
        to = FolderDestination(to) if isinstance(to, Path) else to
        return publish(self.repository, now=self.now, to=to, **more)

    def sign_and_publish(self, **more):
        self.sign()
        return self.publish(**more)

    def release(self, text, index=1, **more):
        """The whole way of a release."""
        self.add(text, index, **more)
        return self.sign_and_publish()

    def trusted(self, tree=None, *, root=1, product=PRODUCT, fetcher=None):
        """What a new device makes of the published state."""
        fetcher = fetcher or DirectoryFetcher(tree or self.published)
        return refresh(
            pinned_root=(self.published / f"metadata/{root}.root.json").read_bytes(),
            cache_dir=Path(mkdtemp(dir=self.folder)),
            fetcher=fetcher,
            base_url=fetcher.base_url,
            product=product,
            now=self.now,
            floor=TrustFloor(),
        )

    def offered(self, channel="stable", *, fetcher=None):
        return self.trusted(fetcher=fetcher).channel(channel).manifest


class LiveHost:
    """A web server on the published folder: each request follows the link anew."""

    base_url = "https://updates.example/"

    def __init__(self, link):
        self.link = link

    def get(self, url, *, max_bytes):
        try:
            data = (self.link / url.removeprefix(self.base_url)).read_bytes()
        except FileNotFoundError as e:
            raise HttpStatusError(url, 404) from e
        assert len(data) <= max_bytes
        return data


def advisory(text, fixed_in):
    return Advisory(text, Severity.HIGH, "A weakness.", "Install this update.", version(fixed_in))


def snapshot_of(folder: Path):
    """Every file below a folder with its content: to see that nothing changed."""
    return {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


class Reader(threading.Thread):
    """A device that refreshes over and over while somebody publishes."""

    def __init__(self, desk):
        super().__init__()
        self.host = LiveHost(desk.published)
        self.desk, self.stopped, self.seen, self.errors = desk, threading.Event(), [], []

    def run(self):
        while not self.stopped.is_set():
            try:
                self.seen.append(str(self.desk.offered(fetcher=self.host).version))
            except Exception as e:  # noqa: BLE001 - every error counts
                self.errors.append(e)
