# The relay in workerd. Build in the root of the checkout:
#   docker build -f recipes/docker/relay.Dockerfile -t mcp-edge-relay .
FROM node:24-bookworm-slim
# With certificates, since the relay fetches what clients say of themselves when people sign in.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tini && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/mcp-edge
COPY package.json package-lock.json .npmrc wrangler.toml ./
COPY agent/package.json agent/
COPY selfhost/package.json selfhost/
RUN npm ci --omit=dev --no-audit --no-fund
COPY protocol protocol
COPY worker worker
COPY agent agent
COPY selfhost selfhost
# A folder of its own in the volume: the relay closes it to others, which the owner of a folder only may do.
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/mcp-edge
USER 1000:1000
VOLUME /var/lib/mcp-edge
EXPOSE 8787
# Calls that run have 10 s to be answered.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8787/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "selfhost/start.ts", "--relay-only", "--host", "0.0.0.0", "--port", "8787", "--data", "/var/lib/mcp-edge/state"]
# The claim code stands in the log (docker logs). Options of your own take the place of this one.
CMD ["--open-claim"]
