"""What ``ota-client`` prints: one object as JSON for programs, or words for people."""

from ota_client.counters.health import CounterReport
from ota_client.formats.counted import counted
from ota_client.manifest import Advisory
from ota_client.network.daily_limit import TrafficReport
from ota_client.recovery import Phase
from ota_client.report import Check, ServerReport, SlotReport, Status

_PHASES = {
    Phase.IDLE: "idle",
    Phase.INSTALLED: "a release is installed and starts with the next boot",
    Phase.TRIAL: "on trial: 'mark-good' confirms the running release, 'mark-bad' gives it up",
}


def status_text(status: Status) -> str:
    """The status in words, with the slot table."""
    running = next(slot for slot in status.slots if slot.booted)
    root = f"version {status.root_version}" if status.root_version else "none yet"
    lines = [
        f"{status.product} on {status.hardware_id}, channel {status.channel}",
        f"running         {status.running} in slot {running.name}",
        f"state           {_PHASES[status.phase]}",
        f"rollback index  {status.stored_rollback_index} stored; nothing below it is accepted",
        *_counter_lines(status.rollback_counter),
        *_traffic_lines(status.traffic),
        *_server_lines(status.server),
        f"trusted root    {root}",
        "",
        *_slot_table(status.slots),
    ]
    lines += [f"fell back from  {bad.version}; it is not tried again" for bad in status.bad_releases]
    if status.offered is not None:
        lines += ["", f"offered         {status.offered}", *_advisory_lines(status.advisories)]
    return "\n".join(lines)


def _counter_lines(counter: CounterReport) -> list[str]:
    if counter.kind == "record":
        return []
    detail = f": {counter.detail}" if counter.detail else ""
    return [f"kept by         record and {counter.kind}, {counter.health}{detail}"]


def _traffic_lines(traffic: TrafficReport | None) -> list[str]:
    if traffic is None:
        return []
    day = f" on {traffic.day}" if traffic.day else ""
    return [f"fetched         {traffic.used_bytes} of {traffic.limit_bytes} bytes a day{day}"]


def _server_lines(server: ServerReport | None) -> list[str]:
    if server is None:
        return []
    assigned = f"assigned {server.assigned}" if server.assigned else "assigned nothing yet"
    wanted = f"; 'consent {server.assigned}' agrees to it" if server.consent_wanted else ""
    waiting = f", {server.reports_waiting} reports wait" if server.reports_waiting else ""
    return [f"update server   {assigned}{wanted}{waiting}"]


def check_text(check: Check) -> str:
    """The check in words."""
    if check.offered is None:
        return f"nothing new: {check.running} is what the channel offers"
    offered = check.offered
    state = "installed; restart to start it" if check.installed else "available"
    lines = [
        f"release {offered.version} is {state} (running: {check.running})",
        *_advisory_lines(check.advisories),
    ]
    if offered.notes:
        lines += ["notes:", *(f"  {line}" for line in printable(offered.notes).splitlines())]
    return "\n".join(lines)


def printable(text: str) -> str:
    """Signed text without control characters: a terminal must not obey it."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def _advisory_lines(advisories: tuple[Advisory, ...]) -> list[str]:
    if not advisories:
        return ["security        no advisories between the two"]
    lines = [f"security        {counted(len(advisories), 'weakness')} mended since the running release:"]
    for advisory in advisories:
        summary, action = printable(advisory.summary), printable(advisory.action)
        lines.append(f"  {printable(advisory.id)}  {advisory.severity.upper()}  {summary}")
        lines.append(f"    fixed in {advisory.fixed_in}; what to do: {action}")
    return lines


def _slot_table(slots: tuple[SlotReport, ...]) -> list[str]:
    rows = [("slot", "version", "index", "boots", "")]
    rows += [(slot.name, _version(slot), _index(slot), _boots(slot), _marks(slot)) for slot in slots]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _version(slot: SlotReport) -> str:
    if slot.version is None:
        return "empty"
    return str(slot.version) if slot.complete else f"{slot.version} (in part)"


def _index(slot: SlotReport) -> str:
    return "-" if slot.rollback_index is None else str(slot.rollback_index)


def _boots(slot: SlotReport) -> str:
    if not slot.bootable and not slot.booted:
        return "no"
    return "good" if slot.good else f"on trial, {slot.tries_left} tries left"


def _marks(slot: SlotReport) -> str:
    marks = [word for word, holds in (("running", slot.booted), ("next", slot.primary)) if holds]
    return f"<- {', '.join(marks)}" if marks else ""
