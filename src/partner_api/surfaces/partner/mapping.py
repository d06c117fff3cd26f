"""Pure functions from what we read to what travels."""

from collections.abc import Collection

import msgspec

from partner_api.devices.edits import DeviceEdit
from partner_api.fleet.types import DeviceView, FleetCounts, Labels, NetworkCounts, OrganizationView
from partner_api.identity.models import Credential
from partner_api.kernel.ids import (
    MspId,
    OrgId,
    format_client_id,
    format_msp_id,
    format_org_id,
)
from partner_api.logs.types import LogView
from partner_api.msps import models as msps
from partner_api.organizations import models as organizations
from partner_api.provisioning import models as provisioning
from partner_api.provisioning.tokens import NewEnrollmentToken
from partner_api.settings.names import Setting, Values
from partner_api.status.rules import Connection, Health
from partner_api.surfaces.partner import (
    device_schemas,
    organization_schemas,
    schemas,
    settings_schemas,
)
from partner_api.surfaces.partner.reasons import status_reason
from partner_api.telemetry.qualities import NetworkQuality
from partner_api.telemetry.reports import Report
from partner_api.tenancy.principal import Scope


def credential(row: Credential) -> schemas.CredentialRead:
    """A credential without its secret."""
    return schemas.CredentialRead(
        client_id=row.client_id,
        scopes=[Scope(scope) for scope in row.scopes],
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        enabled=row.enabled,
    )


def fleet_stats(counts: FleetCounts, total_orgs: int) -> schemas.FleetStats:
    """The dashboard's figures."""
    return schemas.FleetStats(
        total_devices=counts.total,
        total_orgs=total_orgs,
        healthy=counts.health[Health.HEALTHY],
        warning=counts.health[Health.WARNING],
        critical=counts.health[Health.CRITICAL],
        online_now=counts.online_now,
    )


def member(row: msps.Member) -> schemas.Member:
    """Somebody who has logged in."""
    return schemas.Member(
        email=row.email,
        name=row.name,
        picture=row.picture,
        provider=row.provider,
        last_login_at=row.last_login_at,
    )


# Nobody locates devices yet: one for all of them.
_LOCATION = device_schemas.Location()


def created_organization(
    row: organizations.Organization,
) -> organization_schemas.OrganizationCreated:
    """A new organization."""
    return organization_schemas.OrganizationCreated(
        org_id=format_org_id(OrgId(row.org_id)),
        name=row.name,
        msp_id=format_msp_id(MspId(row.msp_id)),
        slug=row.slug,
    )


def organization(view: OrganizationView) -> organization_schemas.Organization:
    """An organization with its figures."""
    return organization_schemas.Organization(
        org_id=format_org_id(view.org_id),
        name=view.name,
        msp_id=format_msp_id(view.msp_id),
        slug=view.slug,
        stats=_organization_stats(view.org_id, view.counts, view.networks),
        overall_health=view.health,
    )


def device(
    view: DeviceView,
    labels: Labels | None = None,
    include: Collection[str] | None = None,
    report: Report | None = None,
) -> device_schemas.Device:
    """A device; one that never checked in has neither times nor a count.

    Its labels show as far as they were asked for, and then also when there are none; what it told
    of itself shows as far as it was asked for.
    """
    labels, include, report = labels or Labels(), include or (), report or Report()
    explanation = view.explanation
    return device_schemas.Device(
        client_id=format_client_id(view.client_id),
        msp_id=format_msp_id(view.msp_id),
        org_id=format_org_id(view.org_id),
        current_version=view.current_version,
        os=view.os,
        os_version=view.os_version,
        arch=view.arch,
        channel=view.channel,
        last_seen=view.last_seen,
        last_check_in=view.last_seen,
        check_in_count=view.check_in_count if view.last_seen else None,
        serial_number=view.serial_number,
        asset_id=view.asset_id,
        user_name=view.user_name,
        user_email=view.user_email,
        referrer=view.referrer,
        connection_state=view.connection,
        status=view.health,
        is_current_version=view.is_current_version,
        network_quality=_network_quality(view.network_quality),
        location=_LOCATION,
        tags=list(labels.tags) if "tags" in include else None,
        attributes=dict(labels.attributes) if "attributes" in include else None,
        network=report.network if "network" in include else None,
        interfaces=report.interfaces if "interfaces" in include else None,
        metrics=report.metrics if "metrics" in include else None,
        status_since=explanation.since if explanation else None,
        status_reasons=[status_reason(each) for each in explanation.reasons]
        if explanation
        else None,
        next_transition_at=explanation.next_transition_at if explanation else None,
    )


def device_edit(body: device_schemas.DeviceUpdate) -> DeviceEdit:
    """A change, of the fields that were sent."""
    sent = body.model_fields_set
    names = {"asset_id": "assetId", "user_name": "userName", "user_email": "userEmail"}
    return DeviceEdit(
        org_id=body.org_id,
        facts={names[field]: getattr(body, field) for field in names if field in sent},
        tags=(body.tags or []) if "tags" in sent else None,
        attributes=body.attributes or {},
        clears_attributes="attributes" in sent and body.attributes is None,
    )


def settings(values: Values) -> settings_schemas.Settings:
    """The settings in force."""
    return settings_schemas.Settings(
        streaming_seconds=values[Setting.STREAMING],
        online_seconds=values[Setting.ONLINE],
        critical_seconds=values[Setting.CRITICAL],
        offline_event_seconds=values[Setting.OFFLINE_EVENT],
        check_in_interval_seconds=values[Setting.CHECK_IN_INTERVAL],
        retention_days=settings_schemas.RetentionDays(
            logs=values[Setting.LOGS],
            status_history=values[Setting.STATUS_HISTORY],
            samples=values[Setting.SAMPLES],
            minutes=values[Setting.MINUTES],
            hours=values[Setting.HOURS],
        ),
        network_quality=settings_schemas.NetworkQualityLimits(
            good_latency_ms=values[Setting.GOOD_LATENCY],
            degraded_latency_ms=values[Setting.DEGRADED_LATENCY],
            good_jitter_ms=values[Setting.GOOD_JITTER],
            degraded_jitter_ms=values[Setting.DEGRADED_JITTER],
            good_packet_loss_pct=values[Setting.GOOD_PACKET_LOSS],
            degraded_packet_loss_pct=values[Setting.DEGRADED_PACKET_LOSS],
        ),
    )


def log_entry(view: LogView) -> device_schemas.LogEntry:
    """A log entry."""
    return device_schemas.LogEntry(
        timestamp=view.logged_at,
        severity=view.severity.name,
        payload=msgspec.json.decode(view.payload),
    )


def enrollment_token(row: provisioning.EnrollmentToken) -> schemas.EnrollmentToken:
    """An enrollment token without its text."""
    return schemas.EnrollmentToken(
        id=str(row.token_id),
        org_id=format_org_id(OrgId(row.org_id)),
        expires_at=row.expires_at,
        max_uses=row.max_uses,
        uses=row.uses,
    )


def new_enrollment_token(new: NewEnrollmentToken) -> schemas.EnrollmentTokenCreated:
    """An enrollment token with its text."""
    shown = enrollment_token(new.row).model_dump()
    return schemas.EnrollmentTokenCreated(**shown, token=new.text)


def _network_quality(found: NetworkQuality | None) -> device_schemas.NetworkQuality | None:
    if found is None:
        return None
    return device_schemas.NetworkQuality(
        overall=found.overall,
        latency_ms=found.latency,
        jitter_ms=found.jitter,
        packet_loss_pct=found.loss,
        sampled_at=found.sampled_at,
    )


def _organization_stats(
    org_id: OrgId, counts: FleetCounts, networks: NetworkCounts
) -> organization_schemas.OrganizationStats:
    return organization_schemas.OrganizationStats(
        org_id=format_org_id(org_id),
        total=counts.total,
        healthy=counts.health[Health.HEALTHY],
        warning=counts.health[Health.WARNING],
        critical=counts.health[Health.CRITICAL],
        online_now=counts.online_now,
        current_version=counts.current_version,
        network_quality=organization_schemas.NetworkQualityCounts(
            good=networks.good,
            degraded=networks.degraded,
            poor=networks.poor,
            offline=networks.offline,
            overall=networks.overall,
        ),
        # Nobody locates devices yet: all are unknown, as documented.
        locations=organization_schemas.LocationCounts(
            office=0, home=0, remote=0, unknown=counts.total
        ),
        connection_states=organization_schemas.ConnectionCounts(
            streaming=counts.connection[Connection.STREAMING],
            idle=counts.connection[Connection.IDLE],
            offline=counts.connection[Connection.OFFLINE],
        ),
    )
