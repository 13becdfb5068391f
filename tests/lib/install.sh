# Installs what the tests need and the machine lacks.

NODE_VERSION=22.23.3 # for machines whose own is older than the SDK asks for
CLIENTS="$TARGET/clients"
BROWSER="$TARGET/browser"
PYTHON="$CLIENTS/python/bin/python"

install_all() {
  install_packages
  install_python
  install_node
  install_browser
}

install_packages() {
  local missing=()
  have cc || missing+=(build-essential)
  have chromium || missing+=(chromium)
  have curl || missing+=(curl)
  have npm || missing+=(nodejs npm)
  have python3 || missing+=(python3)
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  if [[ -z "${TOLLGATE_TEST_POSTGRES:-}" ]]; then
    postgres_programs || missing+=(postgresql)
  fi
  have pg_dump || missing+=(postgresql-client)
  have sqlite3 || missing+=(sqlite3)
  ((${#missing[@]} == 0)) || apt_install "${missing[@]}"
}

apt_install() {
  local as_root=()
  ((EUID == 0)) || as_root=(sudo)
  echo "installing ${*}"
  within 10m "${as_root[@]}" apt-get update -qq
  within 20m "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

install_python() {
  local wanted=tests/clients/python/requirements.txt
  same "$wanted" "$CLIENTS/python/installed.txt" && return
  python3 -m venv --clear "$CLIENTS/python"
  within 10m "$PYTHON" -m pip install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$CLIENTS/python/installed.txt"
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

have() { command -v "$1" >/dev/null; }

same() { cmp --silent "$1" "$2"; }
