"""A server's folder with a made-up fleet that has some weeks behind it, to be looked at."""

from datetime import datetime
from pathlib import Path

from ota_server.database.database import Database
from support.demo_fleet import DemoFleet
from support.demo_releases import write


def put_demo_fleet(folder: Path, now: datetime) -> DemoFleet:
    """Give a folder that ``ota-server init`` made the demo's releases, fleet and history."""
    database = Database(f"sqlite:///{folder}/fleet.db")
    try:
        fleet = DemoFleet(database, now).make()
    finally:
        database.close()
    write(fleet.repository, folder / "published")
    return fleet
