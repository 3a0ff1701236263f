# Images of the two kinds of host: `api`, without torch, and `worker`.
#   docker build --target api -t lethe-api:dev .
ARG BASE=python:3.12-slim

FROM ${BASE} AS host
# One uid on every host: they share the storage folder.
RUN useradd --uid 10001 --user-group --home-dir /var/lib/lethe lethe \
    && install --directory --owner=lethe --group=lethe /var/lib/lethe /var/lib/lethe/storage /var/lib/lethe/gpus
ENV PATH=/opt/lethe/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /var/lib/lethe
USER lethe

FROM ${BASE} AS source
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# pip reads both: a mirror of the site's own, or the index that holds the build of torch for its hardware.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
RUN python3 -m venv /opt/lethe
WORKDIR /source
COPY pyproject.toml constraints.txt README.md ./

# Twice: the layer with the libraries stays while only our own code changes.
FROM source AS api-packages
RUN /opt/lethe/bin/pip install --constraint constraints.txt '.[server,cli]'
COPY . .
RUN /opt/lethe/bin/pip install --no-deps --force-reinstall .

FROM host AS api
COPY --from=api-packages /opt/lethe /opt/lethe
EXPOSE 8000
CMD ["uvicorn", "api.app:create_app", "--factory", "--no-proxy-headers", "--host=0.0.0.0", "--port=8000", "--timeout-graceful-shutdown=5"]

FROM source AS worker-packages
RUN /opt/lethe/bin/pip install --constraint constraints.txt '.[worker,cli]'
COPY . .
RUN /opt/lethe/bin/pip install --no-deps --force-reinstall .

FROM host AS worker
COPY --from=worker-packages /opt/lethe /opt/lethe
CMD ["python", "-m", "worker"]
