"""What holds when several levels choose: the server, an MSP, an organization. Pure functions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from partner_api.kernel.errors import Invalid
from partner_api.settings.names import DEFAULTS, ORDERS, Setting, Values


@dataclass(frozen=True)
class Level:
    """What one of them chose, and whose choice that is, for messages: "the MSP's"."""

    whose: str
    values: Values


class OutOfOrder(Invalid):
    """A setting would be above one that it has to be below."""


def server_level(check_in_interval_seconds: int) -> Level:
    """What holds where nobody chose anything."""
    values = {**DEFAULTS, Setting.CHECK_IN_INTERVAL: check_in_interval_seconds}
    return Level("the server's", values)


def effective(levels: Sequence[Level]) -> Values:
    """The value of every setting; `levels` from the server's on, later ones override."""
    return {setting: value for level in levels for setting, value in level.values.items()}


def require_order(levels: Sequence[Level], changed: Collection[Setting]) -> None:
    """Refuse settings that are out of order; OutOfOrder names one of those that were changed."""
    values = effective(levels)
    for lower, upper in chain.from_iterable(map(pairwise, ORDERS)):
        if values[lower] <= values[upper]:
            continue
        if lower in changed:
            raise OutOfOrder(_sentence(levels, lower, "more", "at most", upper))
        raise OutOfOrder(_sentence(levels, upper, "less", "at least", lower))


def _sentence(
    levels: Sequence[Level], setting: Setting, compared: str, bound: str, other: Setting
) -> str:
    value, limit = effective(levels)[setting], effective(levels)[other]
    return (
        f"{setting}: {value} ({_whose(levels, setting)}) is {compared} than {other}, "
        f"{limit} ({_whose(levels, other)}); it must be {bound} {limit}"
    )


def _whose(levels: Sequence[Level], setting: Setting) -> str:
    return next(level.whose for level in reversed(levels) if setting in level.values)
