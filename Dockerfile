# One image for every command. The minor version is pinned and everything on top is locked by hash;
# Python's and Debian's security releases come with a rebuild. Where a build must be repeatable, name
# the digest as well: FROM python:3.13-slim-trixie@sha256:...
FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/stratum-stats
WORKDIR /src
COPY requirements.lock .
RUN /opt/stratum-stats/bin/pip install --require-hashes -r requirements.lock
COPY . .
RUN /opt/stratum-stats/bin/pip install --no-deps --no-index --no-build-isolation . \
 && /opt/stratum-stats/bin/pip uninstall --yes setuptools pip

FROM python:3.13-slim-trixie
COPY --from=build /opt/stratum-stats /opt/stratum-stats
COPY deploy/container/health.py /usr/local/lib/stratum-stats/
ENV PATH=/opt/stratum-stats/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8082 8084 9083 9084
# Of stats-proxy; whoever runs another command sets its own.
ENV HEALTH_URL=http://127.0.0.1:8084/-/healthy
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["python", "/usr/local/lib/stratum-stats/health.py"]
# A container's loopback cannot be reached from outside it, so here the services listen on all of
# its addresses. What is published, and where, is decided by whoever runs it.
CMD ["stats-proxy", "--ingest.listen-address=0.0.0.0:8082", "--web.listen-address=0.0.0.0:8084"]
