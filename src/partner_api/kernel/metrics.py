"""What is counted, by the names Prometheus reads.

The supervisor names a folder in PROMETHEUS_MULTIPROC_DIR; then every process counts into files
there and the supervisor adds them up for whoever asks. Without it the counts stay in the process.
"""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "partner_api_requests_total",
    "Requests by their answer; 499 when the client left before it",
    ["method", "route", "status"],
)
REQUEST_SECONDS = Histogram(
    "partner_api_request_seconds",
    "Time from a request's head to the end of its answer",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CHECK_INS = Counter("partner_api_check_ins_total", "Check-ins by what became of them", ["outcome"])
GROUP_ITEMS = Histogram(
    "partner_api_group_items",
    "Items written by one statement",
    ["writer"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
WAITING = Gauge(
    "partner_api_waiting_items",
    "Items that wait for their group",
    ["writer"],
    multiprocess_mode="livesum",
)
POOL_CONNECTIONS = Gauge(
    "partner_api_pool_connections_in_use",
    "Database connections in use",
    ["login"],
    multiprocess_mode="livesum",
)
SWEEP_SECONDS = Histogram(
    "partner_api_sweep_seconds",
    "Time one round of the sweep takes",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)
SWEPT_RANGES = Counter("partner_api_swept_ranges_total", "Ranges of pages the sweep read")
SWEPT_DEVICES = Counter("partner_api_swept_devices_total", "Devices the sweep moved")
EVENTS = Counter("partner_api_events_total", "Events that got their places")
SAMPLES = Counter("partner_api_samples_total", "Samples of networks that were counted in")
WEBHOOK_ATTEMPTS = Counter(
    "partner_api_webhook_attempts_total",
    "Attempts to deliver an event to a webhook by what became of them",
    ["outcome"],
)
WEBHOOK_DELAY_SECONDS = Histogram(
    "partner_api_webhook_delay_seconds",
    "Time from when an attempt was due until it was begun",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
WEBHOOKS_UNDER_WAY = Gauge(
    "partner_api_webhook_attempts_under_way",
    "Attempts that were begun and are not written down yet",
    multiprocess_mode="livesum",
)
