# Any image with Node 22.19 or newer and npm to build with, and any with Node to run in; both take a digest or a mirror:
# --build-arg RUNTIME_IMAGE=name@sha256:… (docs/image.md)
ARG BUILD_IMAGE=node:24.21-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
# Behind a proxy with an authority of its own: the path of its certificate, mounted into the build.
ARG NODE_EXTRA_CA_CERTS
# A mirror of the npm registry; npm takes it from here. The hashes in package-lock.json hold for it as well.
ARG NPM_CONFIG_REGISTRY
WORKDIR /src
COPY package.json package-lock.json LICENSE ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/build.ts scripts/
COPY scripts/build scripts/build
COPY src src
COPY simulator simulator
RUN npm run -s build -- --inventory && echo '{"type":"module"}' > dist/package.json && mkdir dist/compile-cache

FROM ${RUNTIME_IMAGE} AS runtime
# Where distroless and other images keep node.
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin NODE_ENV=production
WORKDIR /app
USER 65532:65532

FROM runtime AS simulator
COPY --from=build /src/LICENSE /src/dist/package.json /src/dist/simulator.js /src/dist/simulator.js.map ./
LABEL org.opencontainers.image.title="slb-simulator" \
      org.opencontainers.image.description="SLB and ECS API for tests of the VServerGroup operator" \
      org.opencontainers.image.licenses="Apache-2.0"
EXPOSE 8080
ENTRYPOINT ["node", "--enable-source-maps", "/app/simulator.js"]

# V8's code cache for the bundle, made by the very Node, flags and user that will read it: 20 MB less memory, a faster start.
FROM runtime AS compiled
ENV NODE_COMPILE_CACHE=/app/compile-cache
COPY --from=build --chown=65532:65532 /src/dist/compile-cache compile-cache
COPY --from=build /src/dist/package.json /src/dist/main.js ./
RUN ["node", "--max-semi-space-size=2", "--heap-growing-percent=30", "--no-allocation-site-pretenuring", "/app/main.js", "--version"]

FROM runtime AS operator
ARG VERSION=0.1.0
ARG REVISION=unknown
COPY --from=build /src/dist/package.json /src/dist/main.js /src/dist/main.js.map ./
# What others' code is in it, and under which licences.
COPY --from=build /src/LICENSE /src/dist/third-party-licenses.txt /src/dist/sbom.cdx.json ./
# To be copied out: the plugin of the operator's own version (docs/plugin.md).
COPY --from=build /src/dist/kubectl-vsgb.js ./
COPY --from=compiled --chown=65532:65532 /app/compile-cache compile-cache
ENV NODE_COMPILE_CACHE=/app/compile-cache MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
LABEL org.opencontainers.image.title="vservergroup-operator" \
      org.opencontainers.image.description="Keeps the members of an Alibaba Cloud SLB vServer group equal to the cluster" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
EXPOSE 8080 8081 9443
# V8 and glibc give memory back late: what a start or a storm leaves behind would double the size (docs/performance.md).
# Pretenuring puts replies, which are read and forgotten, among what stays: twice as many full collections under churn.
# DEP0169: a dependency of the vendor's SDK calls url.parse.
ENTRYPOINT ["node", "--max-semi-space-size=2", "--heap-growing-percent=30", "--no-allocation-site-pretenuring", "--disable-warning=DEP0169", "/app/main.js"]
