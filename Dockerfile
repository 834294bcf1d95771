# docker build .                     the image of gateway, api and ws (and doctor)
# docker build --target cards .      the image of cards, with fonts and image libraries
# docker build --target simulator .  the simulated Discord of the demo
# docker build --target caddy .      Caddy, which stands in front of api, ws and cards
# docker build --target haproxy .    HAProxy, in its place with FRONT_DOOR=haproxy
#
# To use a mirror of PyPI, or any other setting of pip, write it into a file as
# https://pip.pypa.io/en/stable/topics/configuration/ says, and pass that file as a secret. It does
# not become part of the image:
#   docker build --secret id=pip,src=pip.conf .       PIP_CONFIG_FILE=pip.conf docker compose build

FROM python:3.13-slim AS packages
WORKDIR /build
COPY requirements/services.lock .
# Without pip, as nothing is installed later; only wheels, so that nothing is compiled.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m venv --without-pip /opt/grux \
    && pip --python /opt/grux/bin/python install --quiet --no-cache-dir --no-compile \
        --disable-pip-version-check --root-user-action=ignore \
        --only-binary=:all: --require-hashes -r services.lock \
    # Not needed at run time: C sources and headers, stubs, the packages' tests.
    && find /opt/grux -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -r {} + \
    && find /opt/grux -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' \
        -o -name '*.pyi' \) -delete \
    # Compiled now: the file system is read-only later, so every start would compile again.
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/grux/lib

FROM packages AS cards-packages
COPY requirements/cards.lock .
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip --python /opt/grux/bin/python install --quiet --no-cache-dir --no-compile \
        --disable-pip-version-check --root-user-action=ignore \
        --only-binary=:all: --require-hashes -r cards.lock \
    && find /opt/grux -type f -name '*.pyi' -delete \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/grux/lib

FROM packages AS code
WORKDIR /app
COPY shared shared
COPY services services
COPY web web
# cards lies apart: only its own image needs it, and most of it is fonts.
RUN python -m compileall -q --invalidation-mode unchecked-hash shared services \
    && mv services/cards /cards

FROM packages AS simulator-code
WORKDIR /app
COPY simulator simulator
RUN python -m compileall -q --invalidation-mode unchecked-hash simulator

FROM python:3.13-slim AS base
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
ENV PATH=/opt/grux/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 METRICS_HOST=0.0.0.0
WORKDIR /app
ENTRYPOINT ["python", "-m", "services"]

FROM base AS cards-services
COPY --from=cards-packages /opt/grux /opt/grux
COPY --from=code /app /app
COPY --from=code /cards /app/services/cards
CMD ["cards"]
EXPOSE 8002

FROM base AS services
COPY --from=packages /opt/grux /opt/grux
COPY --from=code /app /app
COPY docs docs
CMD ["--help"]
EXPOSE 8000 8001

FROM services AS simulator
COPY --from=simulator-code /app/simulator /app/simulator
ENTRYPOINT ["python", "-m", "simulator"]
CMD ["--host", "0.0.0.0", "--port", "8100"]
EXPOSE 8100

FROM caddy:2 AS caddy
# Caddy keeps certificates in /data and is not root; a new volume takes over this folder's owner.
RUN mkdir -p /data/caddy && chown -R 10001:10001 /data
USER 10001:10001
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/tmp
COPY deploy/Caddyfile deploy/haproxy/certificates.Caddyfile /etc/caddy/
VOLUME /data
# The services accept commas in TRUSTED_PROXIES, and Caddy spaces alone.
CMD ["sh", "-c", "export TRUSTED_PROXIES=\"$(echo \"$TRUSTED_PROXIES\" | tr ',' ' ')\"; exec caddy run --config /etc/caddy/Caddyfile --adapter caddyfile"]

FROM haproxy:3-alpine AS haproxy
# As Caddy, whose certificates it reads.
USER 10001:10001
COPY deploy/haproxy/containers.cfg deploy/haproxy/start.sh /etc/grux/
ENTRYPOINT ["sh", "/etc/grux/start.sh"]
CMD []
# The image's own signal waits until the last client has gone.
STOPSIGNAL SIGTERM

# The labels come last: they change with every version, and the layers above need not be built again.
FROM cards-services AS cards
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/matheusaudibert/grux
LABEL org.opencontainers.image.title="Grux cards" \
    org.opencontainers.image.description="Cards and badges of live Discord presence." \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.source=$SOURCE \
    org.opencontainers.image.version=$VERSION \
    org.opencontainers.image.revision=$REVISION

FROM services
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://github.com/matheusaudibert/grux
LABEL org.opencontainers.image.title="Grux" \
    org.opencontainers.image.description="Live Discord presence for any website, over REST or WebSocket." \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.source=$SOURCE \
    org.opencontainers.image.version=$VERSION \
    org.opencontainers.image.revision=$REVISION
