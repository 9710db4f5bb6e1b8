# Two stages: the first has pip and the tree, the second only the installed program.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# The lock first: these layers stay as they are until it changes.
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python -m venv /opt/tarewatch \
    && /opt/tarewatch/bin/python -m pip install --require-hashes -r requirements/runtime.txt \
    && python -m pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY app/ app/
COPY migrations/ migrations/
COPY templates/ templates/
COPY static/ static/
# No build isolation: it would fetch the build backend again, without hashes.
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/tarewatch/bin/python -m pip install --no-deps /dist/*.whl \
    && /opt/tarewatch/bin/python -m pip uninstall --yes pip \
    && /opt/tarewatch/bin/python -m compileall -q /opt/tarewatch/lib

FROM ${PYTHON_IMAGE}
# A fixed id, so that volumes and pod security policies can name it. The tree belongs to root: we cannot change it.
RUN groupadd --gid 10001 tarewatch \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/tarewatch --shell /usr/sbin/nologin tarewatch \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/tarewatch/data
COPY --from=build /opt/tarewatch /opt/tarewatch
ENV PATH=/opt/tarewatch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 TAREWATCH_HOST=0.0.0.0
# The default database, sqlite:///data/tarewatch.db, then lies in the volume. It is not set here as a variable,
# since a variable would win over a secret file.
WORKDIR /var/lib/tarewatch
VOLUME /var/lib/tarewatch/data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "\
import http.client, os; \
web = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('TAREWATCH_PORT', '8000')), timeout=4); \
web.request('GET', '/healthz'); \
raise SystemExit(web.getresponse().status != 200)"]
ENTRYPOINT ["tarewatch"]
CMD ["serve"]
