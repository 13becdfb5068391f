# syntax=docker/dockerfile:1
# The compiler's version is the one that Cargo.toml names as rust-version.
FROM rust:1.95-trixie AS build
WORKDIR /src
# Notes in the binary which crates it is made of, so that scanners can tell (`cargo audit bin`), and
# writes the same down as a bill of materials.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install cargo-auditable --version 0.7.7 --locked && \
    cargo install cargo-cyclonedx --version 0.5.9 --locked
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo auditable build --release --locked && cp target/release/tollgate /tollgate && mkdir /data && \
    cargo cyclonedx --format json --spec-version 1.5 --override-filename sbom && cp sbom.json /sbom.json

# No shell, no package manager, not root: the C library and certificates only.
FROM gcr.io/distroless/cc-debian13:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Tollgate" \
      org.opencontainers.image.description="A multi-tenant API key gateway for LLM APIs: hard quotas, exact usage, one binary" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /tollgate /sbom.json /
COPY --from=build --chown=nonroot:nonroot /data /data
# Nothing else is written: run it with --read-only.
ENV TOLLGATE_DATA_DIR=/data \
    TOLLGATE_SERVER__LISTEN=0.0.0.0:8080 \
    TOLLGATE_SERVER__METRICS_LISTEN=0.0.0.0:9090
VOLUME /data
EXPOSE 8080 9090
# SIGTERM lets streams finish for `server.drain` (30 s): give the container longer than that.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/tollgate", "healthcheck"]
ENTRYPOINT ["/tollgate"]
CMD ["serve"]
