# The agent, with npx for servers of npm. Build in the root of the checkout:
#   docker build -f recipes/docker/agent.Dockerfile -t mcp-edge-agent .
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY agent/package.json agent/
COPY selfhost/package.json selfhost/
RUN npm ci -w agent --ignore-scripts --no-audit --no-fund
COPY protocol protocol
COPY agent agent
# Then the packages once more, without what only the build needs.
RUN npm run bundle -w agent && npm ci -w agent --omit=dev --omit=optional --omit=peer --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim
# Servers leave processes behind, which somebody has to wait for: an agent that is process 1 would not.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tini && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/mcp-edge
COPY --from=build /src/package.json ./
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/agent/package.json agent/
COPY --from=build /src/agent/node_modules agent/node_modules
COPY --from=build /src/agent/dist agent/dist
USER 1000:1000
WORKDIR /home/node
# The agent takes no more calls then, and leaves when those that run are answered: 10 s at most.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "node", "/opt/mcp-edge/agent/dist/cli.js"]
