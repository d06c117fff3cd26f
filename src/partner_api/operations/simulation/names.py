"""Believable customers and people, all of them invented."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice, product
from random import Random

_CUSTOMERS = ("Acme Corp", "Northwind Traders", "Lakeside Dental", "Harbor Logistics")
_PLACES = (
    *("Alder", "Birchwood", "Canyon", "Eastgate", "Fairview", "Granite", "Hillcrest", "Juniper"),
    *("Maple", "Orchard", "Pinewood", "Riverside", "Silver Creek", "Stonebridge", "Westfield"),
)
_TRADES = (
    *(
        "Accounting",
        "Architects",
        "Bakery",
        "Builders",
        "Clinic",
        "Consulting",
        "Electric",
        "Foods",
    ),
    *("Insurance", "Legal", "Media", "Motors", "Optics", "Pharmacy", "Realty", "Studios"),
)
_FIRST_NAMES = (
    *("Amara", "Ben", "Chloe", "Daniel", "Elena", "Felix", "Grace", "Hiro", "Ines", "Jonas"),
    *("Kavya", "Liam", "Maya", "Noah", "Olivia", "Pedro", "Rosa", "Samir", "Tara", "Yusuf"),
)
_LAST_NAMES = (
    *("Adams", "Bauer", "Castro", "Dubois", "Ellis", "Fischer", "Garcia", "Haddad", "Ito"),
    *("Jensen", "Kumar", "Larsen", "Moreno", "Novak", "Okafor", "Patel", "Rossi", "Tanaka"),
)


@dataclass(frozen=True)
class Person:
    """Whoever sits at a device."""

    name: str
    email: str


def organization_names(number: int, random: Random) -> list[str]:
    """So many different names; a smaller number gives the first of a greater one's."""
    return list(islice(_organization_names(random), number))


def person_at(organization: str, random: Random) -> Person:
    """Somebody who works there, with an address under the top-level domain nobody can register."""
    first, last = random.choice(_FIRST_NAMES), random.choice(_LAST_NAMES)
    domain = organization.lower().replace(" ", "-")
    return Person(f"{first} {last}", f"{first}.{last}@{domain}.example".lower())


def _organization_names(random: Random) -> Iterator[str]:
    yield from _CUSTOMERS
    invented = [f"{place} {trade}" for place, trade in product(_PLACES, _TRADES)]
    random.shuffle(invented)
    yield from invented
    yield from (f"Customer {number}" for number in count(1))
