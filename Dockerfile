FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY requirements.lock ./
# One lock file serves the server and its development. All it names is fetched, every hash checked;
# an installation from this folder alone then takes what the server needs, at those versions.
RUN pip download --quiet --require-hashes --only-binary=:all: --dest /wheels -r requirements.lock
COPY pyproject.toml README.md ./
COPY migrations migrations
COPY src src
RUN pip install --quiet --no-index --find-links /wheels hatchling \
 && pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir /wheels . \
 && python -m venv /opt/partner-api \
 && /opt/partner-api/bin/pip install --quiet --no-index --find-links /wheels partner-api

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin partner-api \
 && install --directory --owner partner-api --group partner-api --mode 0700 /data
COPY --from=build /opt/partner-api /opt/partner-api
ENV PATH=/opt/partner-api/bin:$PATH PARTNER_API_DATA_DIR=/data
USER partner-api
EXPOSE 8000
# Without a database of its own to name, it keeps one in /data: mount a volume there.
CMD ["partner-api", "serve", "--host", "0.0.0.0"]
