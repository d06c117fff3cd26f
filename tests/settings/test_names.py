"""The bounds and defaults agree with whatever else depends on them."""

from datetime import timedelta

import pytest

from partner_api.config import Settings
from partner_api.database.partitions import PARTITIONED
from partner_api.organizations.in_force import COLUMNS
from partner_api.organizations.models import Organization
from partner_api.settings.names import BOUNDS, DEFAULTS, ORDERS, THRESHOLDS, Setting


def test_every_setting_has_bounds_and_a_default_within_them() -> None:
    assert set(BOUNDS) == set(Setting)
    assert set(Setting) - set(DEFAULTS) == {Setting.CHECK_IN_INTERVAL}
    for setting, value in DEFAULTS.items():
        assert BOUNDS[setting].check(value) == value
    for order in ORDERS:
        assert sorted(DEFAULTS[each] for each in order) == [DEFAULTS[each] for each in order]


def test_the_operators_interval_has_the_same_bounds() -> None:
    bounds = BOUNDS[Setting.CHECK_IN_INTERVAL]
    for seconds in (bounds.lowest, bounds.highest):
        assert Settings(check_in_interval_seconds=seconds).check_in_interval_seconds == seconds
    for seconds in (bounds.lowest - 1, bounds.highest + 1):
        with pytest.raises(ValueError, match="check_in_interval_seconds"):
            Settings(check_in_interval_seconds=seconds)


def test_a_row_nobody_filled_holds_the_defaults() -> None:
    for setting in THRESHOLDS:
        default = Organization.__table__.columns[COLUMNS[setting]].server_default
        assert getattr(default, "arg", None) == str(DEFAULTS[setting])


@pytest.mark.parametrize(
    ("setting", "table"),
    [
        (Setting.LOGS, "logs"),
        (Setting.STATUS_HISTORY, "device_transitions"),
        (Setting.SAMPLES, "network_chunks"),
        (Setting.MINUTES, "network_minutes"),
        (Setting.MINUTES, "sample_details"),
        (Setting.HOURS, "network_days"),
    ],
)
def test_what_may_be_read_is_not_dropped_before(setting: Setting, table: str) -> None:
    (kept,) = (each.kept for each in PARTITIONED if each.table == table)
    assert kept >= timedelta(days=BOUNDS[setting].highest)
