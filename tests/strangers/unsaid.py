# mypy: ignore-errors
"""What no schema can say: requests that follow the document and are refused, and the reverse.

Schemathesis loads this in its own virtual environment, where nothing of ours is installed.
"""

import re
from datetime import datetime

import schemathesis

THRESHOLDS = {"streamingSeconds", "onlineSeconds", "criticalSeconds"}
WHOLE_NUMBERS = {
    *THRESHOLDS,
    "checkInIntervalSeconds",
    "expiresInSeconds",
    "hours",
    "logs",
    "maxUses",
    "minutes",
    "offlineEventSeconds",
    "overlapSeconds",
    "samples",
    "sequence",
    "statusHistory",
}
MAY_BE_LEFT_OUT = {
    "createEnrollmentToken",
    "regenerateCredentialSecret",
    "rotateWebhookSecret",
}


@schemathesis.hook
def filter_case(_context, case):
    """Whether the document promises what becomes of a request."""
    if case.meta.generation.mode.is_negative:
        # A body that may be left out may be null as well; the document does not advertise it.
        return not (_operation_id(case) in MAY_BE_LEFT_OUT and case.body is None)
    return not any(refused(case) for refused in REFUSED)


def _made_up_cursor(case):
    return "cursor" in (case.query or {})


def _instant_out_of_range(case):
    instants = [text for name, text in (case.query or {}).items() if name in {"from", "to"}]
    return not all(map(_is_in_range, instants))


def _old_check_in(case):
    return _operation_id(case) == "checkIn" and "observedAt" in _fields(case)


def _sample_of_any_kind(case):
    """Whole numbers are whole, each ttl comes once, and addresses of interfaces are some."""
    body = _fields(case)
    return _operation_id(case) == "checkIn" and not {"network", "interfaces"}.isdisjoint(body)


def _whole_number_with_a_fraction(case):
    """JSON Schema takes 7.0 for an integer; we take 7."""
    fields = {**_fields(case), **(_fields(case).get("retentionDays") or {})}
    return any(isinstance(fields.get(name), float) for name in WHOLE_NUMBERS)


def _thresholds_in_any_order(case):
    """They have to be in order, also with those that are set already."""
    return bool({*THRESHOLDS, "networkQuality"} & _fields(case).keys())


def _window_of_any_kind(case):
    """Its start has to come before its end, before now, and after what is kept."""
    is_window = _operation_id(case).endswith("Availability")
    return is_window and not {"from", "to"}.isdisjoint(case.query or {})


def _stretch_of_any_kind(case):
    """The same of what is replayed."""
    return _operation_id(case) == "replayToWebhook"


def _address_of_any_kind(case):
    """Nearly all that look like addresses are none that webhooks may have."""
    return _operation_id(case) in {"createWebhook", "updateWebhook"} and "url" in _fields(case)


def _name_of_nothing(case):
    name = _fields(case).get("name")
    return isinstance(name, str) and (
        len(name.strip()) < 2 or not any(map(str.isalnum, name)) or _has_controls(name)
    )


def _key_with_controls(case):
    return any(map(_has_controls, _fields(case).get("attributes") or ()))


def _long_wait(case):
    """Answered as promised, but only after all that time."""
    return int((case.query or {}).get("wait", 0)) > 1


REFUSED = (
    _long_wait,
    _made_up_cursor,
    _instant_out_of_range,
    _old_check_in,
    _sample_of_any_kind,
    _whole_number_with_a_fraction,
    _thresholds_in_any_order,
    _window_of_any_kind,
    _stretch_of_any_kind,
    _address_of_any_kind,
    _name_of_nothing,
    _key_with_controls,
)


def _operation_id(case):
    return case.operation.definition.raw["operationId"]


def _fields(case):
    return case.body if isinstance(case.body, dict) else {}


def _has_controls(text):
    return re.search(r"[\x00-\x1f\x7f-\x9f]", text) is not None


def _is_in_range(text):
    try:
        return 1970 < datetime.fromisoformat(text).year < 2199
    except ValueError:
        return False
