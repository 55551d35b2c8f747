"""Makes the helpers beside this file importable from the folders of tests, and the desk known to all."""

import gc
import logging
import os
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

# `make test` stays under a minute; `make system` tries the same properties again, and more of each
settings.register_profile("quick", max_examples=12, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)

# reading the system's authorities costs each TLS context 20 ms; a lone stranger stands for them
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "support" / "stranger.pem")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "walk(most): `make test` takes so many of its examples, `make system` the rest"
    )
    settings.load_profile("thorough" if config.option.markexpr == "system" else "quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark walks and properties before pytest leaves out what is not marked."""
    leave_the_rest_of_walks(items)
    if config.option.markexpr == "system":
        for item in items:
            if is_hypothesis_test(item.function):
                item.add_marker(pytest.mark.system)


def leave_the_rest_of_walks(items):
    """Of a long walk some examples stand for all in `make test`, evenly spread; the others are slow."""
    walks = {}
    for item in items:
        if item.get_closest_marker("walk"):
            walks.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for walk in walks.values():
        (most,) = walk[0].get_closest_marker("walk").args
        quick = {number * len(walk) // most for number in range(most)}
        for number, item in enumerate(walk):
            if number not in quick:
                item.add_marker(pytest.mark.system)


def pytest_collection_finish():
    """What was imported stays to the end: no search for garbage need look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def restored_logging():
    """A command that was called sets the level of our log; the next test must not inherit it."""
    logger = logging.getLogger("ota_client")
    level, handlers = logger.level, logger.handlers
    yield
    logger.setLevel(level)
    logger.handlers = handlers


@pytest.fixture
def quick_signing(monkeypatch):
    from support.signing_desk import without_waiting

    without_waiting(monkeypatch)


@pytest.fixture(scope="session")
def _desk_once(tmp_path_factory):
    from support.signing_desk import SigningDesk, without_waiting

    with pytest.MonkeyPatch.context() as monkeypatch:
        without_waiting(monkeypatch)
        return SigningDesk(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def desk(tmp_path, quick_signing, _desk_once):
    """A release engineer's desk with keys and one product."""
    return _desk_once.copy(tmp_path)


@pytest.fixture(scope="session")
def _signed_once():
    # its copies cost a quarter of what signing does
    from support.memory_repository import MemoryRepository, Release

    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2))
    return repository


@pytest.fixture
def repository(_signed_once):
    """A sound repository whose channel offers 1.1.0 to devices that run 1.0.0."""
    return _signed_once.copy()


def pytest_terminal_summary(terminalreporter):
    """Say how many points the power was cut at; xdist loads no deeper conftest for its summary."""
    tests = [
        (outcome, dict(report.user_properties))
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if report.when == "call" and "/power/" in report.nodeid
    ]
    points, media, completed = (
        sum(facts.get(f"power {name}", 0) for _, facts in tests)
        for name in ("points", "media", "completed")
    )
    for model in sorted({facts["power model"] for _, facts in tests if "power model" in facts}):
        own = sum(facts["power points"] for _, facts in tests if facts.get("power model") == model)
        terminalreporter.write_line(f"power: {own:,} points on boot control {model}")
    if points:
        failures = sum(outcome == "failed" for outcome, _ in tests)
        terminalreporter.write_line(
            f"power: {points:,} points, {media:,} distinct media, {completed:,} updates completed from "
            f"them, {failures} failures"
        )
