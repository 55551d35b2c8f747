"""The dashboard over the demo's fleet, in this process: who signs in is signed in."""

from argon2 import PasswordHasher

from ota_server.notify.means import Means
from ota_server.operators import session
from ota_server.operators.password import Passwords
from ota_server.operators.secret_box import SecretBox, make_key
from ota_server.settings import OperatorSettings
from ota_server.web.pages.cookies import Cookies
from ota_server.web.pages.dashboard import Dashboard
from ota_server.web.pages.house import House
from ota_server.web.peer import NoPeers
from ota_server.web.rates import AddressRate
from support.browser import Browser

# argon2 is slow on purpose; tests need not be
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def make_house(fleet, **more):
    """The house of a demo's fleet; its clock stands."""
    box = SecretBox((make_key(b"1" * 32),), "tests")
    values = {
        "database": fleet.database,
        "catalog": fleet.catalog,
        "peers": NoPeers(),
        "settings": OperatorSettings(),
        "passwords": Passwords(QUICK),
        "means": Means(box, box),
        "url": "https://ota.example",
        "requests": AddressRate(10**6),
        "sign_ins": AddressRate(10**6),
        "clock": lambda: fleet.now,
        "look_s": 0.01,
    }
    return House(**{**values, **more})


def browser_of(house, fleet, name):
    """A browser in which one of the people is signed in."""
    browser = Browser(Dashboard(house))
    sign_in(browser, house, fleet, name)
    return browser


def sign_in(browser, house, fleet, name):
    with house.database.begin() as connection:
        operator = fleet.people[name]
        connection.exec_driver_sql("UPDATE operators SET status = 'active' WHERE name = ?", (name,))
        token = session.start(connection, operator.id, house.clock(), rules=house.rules.sessions)
    cookie = Cookies(is_plain=house.is_plain)
    browser.cookies[cookie.name] = token
