"""What the server keeps of a bucket in memory, and for how long; the bucket is played."""

import asyncio
import hashlib
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_server.errors import NotPublishedError, PublishedFolderError
from ota_server.files.bucket import BucketObject
from ota_server.files.recent import Recent
from ota_server.files.s3 import S3Store
from ota_server.files.settings import BucketSettings

MIB = 1024 * 1024
TIMESTAMP = "metadata/timestamp.json"
INDEX = f"targets/p/1.0.0/{hashlib.sha256(b'index').hexdigest()}.rootfs.index"
DATA = f"targets/p/1.0.0/{'0' * 64}.rootfs.data"


class PlayedBucket:
    def __init__(self, objects, **settings):
        self.objects, self.asked, self.down = dict(objects), [], False
        self.settings = BucketSettings("firmware", **settings)

    async def look(self, name, most_bytes):
        self.asked.append(name)
        await asyncio.sleep(0)
        if self.down:
            raise PublishedFolderError("the bucket cannot be read: 403")
        if name not in self.objects:
            raise NotPublishedError(f"{name} is not published")
        content = self.objects[name]
        found = BucketObject(name, len(content), f'"{hash(content)}"', 0)
        return found, content if len(content) <= most_bytes else None

    async def read(self, found, start, stop):
        self.asked.append((found.name, start, stop))
        return self.objects[found.name][start:stop]

    async def signed_address(self, name, valid):
        return f"https://store.example/{name}?expires={valid.seconds}"


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bucket():
    return PlayedBucket({TIMESTAMP: b"1", INDEX: b"index", DATA: bytes(3 * MIB)})


@pytest.fixture
def store(bucket, clock):
    return S3Store(bucket, clock)


def content(store, name):
    async def read():
        file = await store.open(name)
        pieces = []
        while (start := sum(map(len, pieces))) < file.size_bytes:
            pieces.append(await file.read(start, file.size_bytes - start))
        return b"".join(pieces)

    return asyncio.run(read())


def test_the_timestamp_is_asked_for_again_after_a_second(store, bucket, clock):
    assert [content(store, TIMESTAMP) for _ in range(3)] == [b"1"] * 3
    bucket.objects[TIMESTAMP] = b"2"
    clock.now_s += 1
    assert content(store, TIMESTAMP) == b"2"
    assert bucket.asked == [TIMESTAMP] * 2


def test_what_has_the_hash_of_its_name_is_read_once(store, bucket, clock):
    for _ in range(3):
        assert content(store, INDEX) == b"index"
        clock.now_s += 10**6
    assert bucket.asked == [INDEX]


def test_what_is_another_than_its_name_says_is_soon_looked_at_again(store, bucket, clock):
    bucket.objects[INDEX] = b"INDEX"
    assert content(store, INDEX) == b"INDEX"
    bucket.objects[INDEX] = b"index"
    clock.now_s += 1
    assert content(store, INDEX) == b"index"


def test_a_payload_is_read_by_the_mebibyte_and_never_kept(store, bucket):
    assert content(store, DATA) == bytes(3 * MIB)
    assert content(store, DATA) == bytes(3 * MIB)
    pieces = [(DATA, n * MIB, (n + 1) * MIB) for n in range(3)]
    assert bucket.asked == [DATA, *pieces, *pieces]


def test_only_the_absence_of_a_root_is_remembered_and_for_seconds(store, bucket, clock):
    missing = "metadata/7.snapshot.json"
    for name in ("metadata/2.root.json", missing):
        for _ in range(3):
            with pytest.raises(NotPublishedError):
                content(store, name)
    assert bucket.asked == ["metadata/2.root.json", missing, missing, missing]
    bucket.objects["metadata/2.root.json"] = b"{}"
    clock.now_s += 5
    assert content(store, "metadata/2.root.json") == b"{}"


def test_a_hundred_who_ask_at_the_same_time_are_one_to_the_bucket(store, bucket):
    async def crowd():
        return await asyncio.gather(*(store.open(TIMESTAMP) for _ in range(100)))

    assert len(asyncio.run(crowd())) == 100
    assert bucket.asked == [TIMESTAMP]


def test_a_name_of_another_form_never_reaches_the_bucket(store, bucket):
    """A27."""
    for name in ("metadata/../x", "metadata/%2e", "other/x", "metadata/.x", "targets//x", "metadata/?x"):
        with pytest.raises(NotPublishedError):
            content(store, name)
        with pytest.raises(NotPublishedError):
            store.read_small(name, 99)
    assert bucket.asked == []


def test_large_payloads_alone_have_an_address_elsewhere():
    small, index = f"targets/p/{'1' * 64}.data", f"targets/p/{'1' * 64}.index"
    objects = {TIMESTAMP: b"1", DATA: bytes(3 * MIB), small: b"1", index: bytes(3 * MIB)}

    async def addresses(**settings):
        store = S3Store(PlayedBucket(objects, **settings))
        return {name for name in objects if await (await store.open(name)).address()}

    assert asyncio.run(addresses()) == set()
    assert asyncio.run(addresses(redirect_from_bytes=0)) == {DATA, small}
    assert asyncio.run(addresses(redirect_from_bytes=3 * MIB)) == {DATA}
    assert asyncio.run(addresses(redirect_from_bytes=3 * MIB + 1)) == set()


def test_a_bucket_that_forbids_what_is_missing_fails_the_check(store, bucket):
    asyncio.run(store.check())
    look = bucket.look

    async def forbidden(name, most_bytes):
        bucket.down = name not in bucket.objects
        return await look(name, most_bytes)

    bucket.look = forbidden
    with pytest.raises(PublishedFolderError, match="s3:ListBucket"):
        asyncio.run(S3Store(bucket).check())
    del bucket.objects[TIMESTAMP]
    bucket.look = look
    bucket.down = False
    with pytest.raises(NotPublishedError):
        asyncio.run(S3Store(bucket).check())


def test_a_failure_is_not_remembered(store, bucket, caplog):
    bucket.down = True
    with pytest.raises(PublishedFolderError), caplog.at_level(logging.ERROR):
        content(store, TIMESTAMP)
    bucket.down = False
    assert content(store, TIMESTAMP) == b"1"


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3000))))
def test_what_is_kept_never_passes_its_bound(puts):
    recent = Recent(10_000, lambda: 0)
    for name, size_bytes in puts:
        recent.put(name, size_bytes, size_bytes, 1)
        kept = [size for name in "abcdef" if (size := recent.get(name)) is not None]
        assert sum(kept) + 1024 * len(kept) <= 10_000
        assert recent.get(name) == size_bytes
