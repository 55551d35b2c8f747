"""Weaknesses, own and imported, and the fleet's exposure to them."""

from dataclasses import dataclass
from typing import Final

from ota_server.operations import security
from ota_server.operators.actor import Actor, Role
from ota_server.security.importing import Document
from ota_server.web.api.paging import PageQuery, given
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.advisories import (
    AdvisoriesAnswer,
    AdvisoriesQuery,
    DaysQuery,
    ExposedDaysAnswer,
    ExposureAnswer,
    ImportBody,
    ImportedAnswer,
    RemovedAnswer,
    RunningVersionsAnswer,
)
from ota_server.web.api.shapes.devices import DevicesAnswer

_ALL: Final = f"{PREFIX}/advisories"
_ONE: Final = f"{_ALL}/{{advisory_id}}"
# CSAF documents of whole distributions are larger: `ota-server advisory import` takes them
IMPORT_MOST_BYTES: Final = 8 * 1024 * 1024


def _listed(call: Call[AdvisoriesQuery, None]) -> AdvisoriesAnswer:
    query = call.query
    text = given(query.text) or ""
    page = security.weaknesses(call.desk, text=text, after=query.cursor, limit=query.limit)
    return AdvisoriesAnswer.page(page)


def _exposed(call: Call[None, None]) -> ExposureAnswer:
    return ExposureAnswer.told(security.exposed(call.desk, call.text("advisory_id")))


def _devices(call: Call[PageQuery, None]) -> DevicesAnswer:
    query = call.query
    page = security.exposed_devices(
        call.desk, call.text("advisory_id"), after=query.cursor, limit=query.limit
    )
    return DevicesAnswer.page(page)


def _history(call: Call[DaysQuery, None]) -> ExposedDaysAnswer:
    days = call.query.days
    found = security.exposed_over_time(call.desk, call.text("advisory_id"), days=days)
    return ExposedDaysAnswer.told({"items": found})


def _running(call: Call[None, None]) -> RunningVersionsAnswer:
    return RunningVersionsAnswer.told({"items": security.running(call.desk)})


@dataclass(frozen=True, slots=True)
class _Import:
    files: tuple[Document, ...]
    force: bool


def _read(actor: Actor, body: ImportBody) -> _Import:
    # who may not gets no work done; the operation says why
    wanted = body.files if actor.may_everywhere(Role.ADMIN) else ()
    files = (Document.read(file.name, bytes(file.content)) for file in wanted)
    return _Import(tuple(files), body.force)


def _imported(call: Call[None, _Import]) -> ImportedAnswer:
    done = security.import_documents(call.desk, call.body.files, force=call.body.force)
    taken = [weakness.id for weakness in done.weaknesses]
    return ImportedAnswer(taken, list(done.kept), done.matches, list(done.notices))


def _removed(call: Call[None, None]) -> RemovedAnswer:
    return RemovedAnswer(security.remove(call.desk, call.text("advisory_id")))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_advisories",
        "Weaknesses that a release has or had, the worst first.",
        query=AdvisoriesQuery,
        answer=AdvisoriesAnswer,
        reads_releases=True,
        do=_listed,
    ),
    Route(
        "POST",
        _ALL,
        "import_advisories",
        "Take OSV and CSAF files in, and match them with what runs.",
        body=ImportBody,
        answer=ImportedAnswer,
        most_bytes=IMPORT_MOST_BYTES,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        reads_releases=True,
        prepare=_read,
        do=_imported,
    ),
    Route(
        "GET",
        _ONE,
        "show_advisory",
        "A weakness: which versions have it, and on how many devices they run.",
        answer=ExposureAnswer,
        reads_releases=True,
        do=_exposed,
    ),
    Route(
        "DELETE",
        _ONE,
        "remove_advisory",
        "Forget the imported documents of a weakness; what our own releases say stays.",
        answer=RemovedAnswer,
        role=Role.ADMIN,
        everywhere=True,
        changes=True,
        do=_removed,
    ),
    Route(
        "GET",
        f"{_ONE}/devices",
        "list_exposed_devices",
        "The devices that run something with a weakness.",
        query=PageQuery,
        answer=DevicesAnswer,
        reads_releases=True,
        do=_devices,
    ),
    Route(
        "GET",
        f"{_ONE}/history",
        "show_exposure_history",
        "How many devices had a weakness on each of the last days.",
        query=DaysQuery,
        answer=ExposedDaysAnswer,
        reads_releases=True,
        do=_history,
    ),
    Route(
        "GET",
        f"{PREFIX}/exposure",
        "show_exposure",
        "What each version that runs somewhere still contains.",
        answer=RunningVersionsAnswer,
        reads_releases=True,
        do=_running,
    ),
)
