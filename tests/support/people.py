"""Operators in a database, for tests: quick hashes, and people who have passwords."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from argon2 import PasswordHasher
from sqlalchemy import delete

from ota_server.catalog import Catalog
from ota_server.database.database import Database
from ota_server.database.operators_schema import sessions
from ota_server.operations.desk import Desk
from ota_server.operators import account, invitation
from ota_server.operators.actor import Actor
from ota_server.operators.password import Passwords
from ota_server.operators.role import Grant
from ota_server.operators.session import SessionRules
from ota_server.operators.sign_in import LockRules, SignInRules, sign_in
from support.fleet import open_database

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
PASSWORD = "four unlikely words here"
SESSIONS = SessionRules(lifetime=timedelta(hours=12), idle=timedelta(hours=1))
RULES = SignInRules(LockRules(after=3, lock=timedelta(minutes=15)), SESSIONS)


@cache
def quick_passwords() -> Passwords:
    """As little work as argon2 allows."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def grants(*texts: str) -> list[Grant]:
    return [Grant.parse(text) for text in texts]


def invited(database, name, *given, now=NOW):
    """An account without a password, and its link's code."""
    with database.begin() as connection:
        made = account.create(connection, name, grants(*given), now=now)
        return invitation.invite(connection, made.id, now=now).code


def member(database, name, *given, password=PASSWORD, now=NOW):
    """An operator with a password; returns the token of a session."""
    code = invited(database, name, *given, now=now)
    return invitation.accept(database, quick_passwords(), code, password, rules=SESSIONS, now=now)


def enter(database, name, password=PASSWORD, *, now=NOW, passwords=None):
    """Sign in; returns the session's token."""
    return sign_in(database, passwords or quick_passwords(), name, password, rules=RULES, now=now)


def open_house(folder, **members):
    """A database with operators who have passwords: a name and a role each."""
    path = Path(folder, "fleet.db")
    path.write_bytes(_house_file(tuple(members.items())))
    return Database(f"sqlite:///{path}")


@cache
def _house_file(members):
    """A copy costs less than the people."""
    with TemporaryDirectory() as folder:
        database = open_database(Path(folder))
        for name, grant in members:
            member(database, name, grant)
        with database.begin() as connection:
            connection.execute(delete(sessions))
        database.close()
        return Path(folder, "fleet.db").read_bytes()


def known(database, name):
    with database.read() as connection:
        return account.find(connection, name)


def desk(connection, actor=None, *, now=NOW):
    """Where operations are done: of the machine, unless said otherwise."""
    return Desk(connection, actor or Actor.machine("root"), now, Catalog(None))
