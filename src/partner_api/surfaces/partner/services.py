"""What the surface's routes work with; built once in app.py."""

import random
from dataclasses import dataclass

from partner_api.database.disk_space import DiskSpace
from partner_api.database.readiness import Readiness
from partner_api.events.feed import EventFeed
from partner_api.events.interests import Interests
from partner_api.events.log import Events
from partner_api.events.presence import Presence
from partner_api.fleet.devices import Devices
from partner_api.fleet.organizations import Organizations
from partner_api.history.service import History
from partner_api.identity.liveness import CredentialLiveness
from partner_api.identity.service import Identity
from partner_api.identity.tokens import AccessTokens
from partner_api.ingest.check_ins import CheckIns
from partner_api.ingest.log_lines import LogLines
from partner_api.ingest.relay import Relay
from partner_api.kernel.clock import Clock
from partner_api.kernel.fairness import FairGate
from partner_api.logs.service import Logs
from partner_api.provisioning.enrollment import Provisioning
from partner_api.telemetry.analytics import Analytics
from partner_api.telemetry.gateways import Gateways
from partner_api.telemetry.history import NetworkHistories
from partner_api.telemetry.percentiles import NetworkPercentiles
from partner_api.telemetry.reports import Reports
from partner_api.tenancy.tenancy import Tenancy
from partner_api.webhooks.deliveries import Deliveries
from partner_api.webhooks.registration import Registration
from partner_api.webhooks.sealing import Sealer
from partner_api.webhooks.testing import WebhookTester

# Downwards only, so that a healthy device stays streaming; enough to spread a fleet that returns
# after an outage over a fifth of the interval.
_JITTER = 0.2


@dataclass(frozen=True)
class Services:
    """One of each."""

    clock: Clock
    tenancy: Tenancy
    tokens: AccessTokens
    liveness: CredentialLiveness
    identity: Identity
    gate: FairGate
    organizations: Organizations
    devices: Devices
    history: History
    network_histories: NetworkHistories
    network_percentiles: NetworkPercentiles
    gateways: Gateways
    reports: Reports
    analytics: Analytics
    logs: Logs
    events: Events
    feed: EventFeed
    interests: Interests
    presence: Presence
    sealer: Sealer
    webhook_registration: Registration
    webhook_tester: WebhookTester
    deliveries: Deliveries
    provisioning: Provisioning
    check_ins: CheckIns
    log_lines: LogLines
    relay: Relay
    readiness: Readiness
    disk: DiskSpace
    revision: str
    public_url: str
    check_in_interval_seconds: int

    def next_check_in_seconds(self, chosen: int | None) -> int:
        """When a device should check in again: the interval, a little earlier at random."""
        interval = chosen or self.check_in_interval_seconds
        jitter = random.uniform(0, _JITTER)  # noqa: S311 - spreads load, hides nothing
        return max(1, round(interval * (1 - jitter)))
