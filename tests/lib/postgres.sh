# A throw-away Postgres: a free port on loopback, nothing kept. `TOLLGATE_TEST_POSTGRES`
# names its URL; when that is already set, that server is used and nothing is started.

PG_DATA="$SCRATCH/postgres"
PG_SETTINGS="-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=300
  -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=64MB"

start_postgres() {
  [[ -z "${TOLLGATE_TEST_POSTGRES:-}" ]] || return 0
  local port attempt
  postgres_programs
  make_home
  as_postgres initdb --pgdata="$PG_DATA" --username=tollgate --auth=trust \
    --encoding=UTF8 --locale=C --no-sync >/dev/null
  for attempt in 1 2 3 4 5; do
    port="$(shuf -i 20000-32000 -n 1)"
    if launch "$port"; then
      export TOLLGATE_TEST_POSTGRES="postgres://tollgate@127.0.0.1:$port/postgres"
      echo "$TOLLGATE_TEST_POSTGRES"
      return
    fi
    echo "attempt $attempt failed on port $port"
  done
  cat "$SCRATCH/postgres.log"
  return 1
}

launch() {
  as_postgres pg_ctl start --pgdata="$PG_DATA" --log="$PG_DATA.log" --wait --silent \
    --options="-p $1 ${PG_SETTINGS//$'\n'/ }" </dev/null
}

stop_postgres() {
  if [[ -f "$PG_DATA/postmaster.pid" ]]; then
    as_postgres pg_ctl stop --pgdata="$PG_DATA" --mode=immediate --silent || true
  fi
  rm -rf "$SCRATCH"
}

# The server's programs, put on the path when they are installed beside it.
postgres_programs() {
  local folder
  for folder in "" $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
    if [[ -x "$(PATH="$folder:$PATH" type -P initdb)" && -x "$(PATH="$folder:$PATH" type -P pg_ctl)" ]]; then
      PATH="${folder:+$folder:}$PATH"
      return
    fi
  done
  return 1
}

# Postgres refuses to run as root, so root lends it to a user without rights.
postgres_user() {
  id -u postgres >/dev/null 2>&1 && echo postgres || echo nobody
}

make_home() {
  if ((EUID == 0)); then
    chown "$(postgres_user)" "$SCRATCH"
    chmod 755 "$SCRATCH"
  fi
}

as_postgres() {
  if ((EUID == 0)); then
    (cd "$SCRATCH" && setpriv --reuid="$(postgres_user)" --regid="$(id -g "$(postgres_user)")" --clear-groups \
      env HOME="$SCRATCH" PATH="$PATH" "$@")
  else
    "$@"
  fi
}
