# Installs what the tests need and the machine lacks.

NODE_VERSION=22.23.3 # for machines whose own is older than the SDK asks for
CLIENTS="$TARGET/clients"
BROWSER="$TARGET/browser"
DEPLOY="$TARGET/deploy"
PYTHON="$CLIENTS/python/bin/python"

install_all() {
  install_packages
  python_packages tests/clients/python/requirements.txt "$CLIENTS/python"
  python_packages tests/deploy/requirements.txt "$DEPLOY/python"
  install_promtool
  install_node
  install_browser
}

install_packages() {
  local missing=()
  have cc || missing+=(build-essential)
  have chromium || missing+=(chromium)
  have curl || missing+=(curl)
  PATH="$PATH:/usr/sbin" have nginx || missing+=(nginx) # not in everybody's path
  have npm || missing+=(nodejs npm)
  have systemd-analyze || missing+=(systemd)
  have python3 || missing+=(python3)
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  if [[ -z "${TOLLGATE_TEST_POSTGRES:-}" ]]; then
    postgres_programs || missing+=(postgresql)
  fi
  have pg_dump || missing+=(postgresql-client)
  have sqlite3 || missing+=(sqlite3)
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

apt_install() {
  echo "installing ${*}"
  as_root 10m apt-get update -qq
  as_root 20m env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# as_root TIME COMMAND…
as_root() {
  local time="$1" by=()
  shift
  ((EUID == 0)) || by=(sudo)
  within "$time" "${by[@]}" "$@"
}

# python_packages WANTED PLACE: what WANTED names is installed in PLACE.
python_packages() {
  local wanted="$1" place="$2"
  same "$wanted" "$place/installed.txt" && return
  python3 -m venv --clear "$place"
  within 10m "$place/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$place/installed.txt"
}

# Exports TOLLGATE_PROMTOOL: the machine's own, else the one of Debian's server, which need not be installed for it.
install_promtool() {
  local here="$DEPLOY/promtool"
  TOLLGATE_PROMTOOL="$(type -P promtool || realpath -m "$here/usr/bin/promtool")"
  export TOLLGATE_PROMTOOL
  [[ ! -x "$TOLLGATE_PROMTOOL" ]] || return 0
  rm -rf "$here" && mkdir -p "$here"
  if fetch_prometheus "$here" || { as_root 10m apt-get update -qq && fetch_prometheus "$here"; }; then
    rm -f "$here"/*.deb "$here/usr/bin/prometheus"
  fi
  [[ ! -x "$TOLLGATE_PROMTOOL" ]] || return 0
  echo "no promtool to be had: the alert rules are not run"
  unset TOLLGATE_PROMTOOL
}

install_node() {
  node_packages tests/clients/node "$CLIENTS/node"
  choose_node
}

# The browser itself is Debian's.
install_browser() {
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 node_packages tests/browser "$BROWSER"
  cp tests/browser/*.mjs "$BROWSER/"
}

# node_packages WANTED PROJECT: what WANTED's lock names is installed in PROJECT.
node_packages() {
  local wanted="$1" project="$2"
  same "$wanted/package-lock.json" "$project/installed.json" && return
  mkdir -p "$project"
  cp "$wanted"/package.json "$wanted"/package-lock.json "$wanted"/.npmrc "$project/"
  within 10m npm ci --prefix "$project" --no-audit --no-fund --loglevel=error
  cp "$wanted/package-lock.json" "$project/installed.json"
}

# Exports NODE: the machine's own when new enough, else one from the package registry.
choose_node() {
  local runtime="$CLIENTS/node-runtime"
  export NODE=node
  new_enough node && return
  NODE="$runtime/node_modules/node/bin/node"
  new_enough "$NODE" || within 10m npm install --prefix "$runtime" --no-audit --no-fund --loglevel=error "node@$NODE_VERSION"
  new_enough "$NODE" && NODE="$(realpath "$NODE")" && return
  echo "no Node.js 22 to be had: using $(node --version)"
  NODE=node
}

new_enough() {
  local version
  version="$("$1" --version 2>/dev/null)" && version="${version#v}" && ((${version%%.*} >= 22))
}

fetch_prometheus() {
  (cd "$1" && within 5m apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb .)
}

have() { command -v "$1" >/dev/null; }

same() { cmp --silent "$1" "$2"; }
