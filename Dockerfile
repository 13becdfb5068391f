# syntax=docker/dockerfile:1
# The compiler's version is the one that Cargo.toml names as rust-version.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked && cp target/release/tollgate /tollgate && mkdir /data

# No shell, no package manager, not root: the C library and certificates only.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Tollgate" \
      org.opencontainers.image.description="A multi-tenant API key gateway for LLM APIs: hard quotas, exact usage, one binary" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /tollgate /tollgate
COPY --from=build --chown=nonroot:nonroot /data /data
ENV TOLLGATE_DATA_DIR=/data \
    TOLLGATE_SERVER__LISTEN=0.0.0.0:8080
VOLUME /data
EXPOSE 8080
# SIGTERM lets streams finish for `server.drain` (30 s): give the container longer than that.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/tollgate", "healthcheck"]
ENTRYPOINT ["/tollgate"]
CMD ["serve"]
