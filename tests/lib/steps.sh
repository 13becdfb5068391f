# Steps: a header line, the time taken, and how many tests passed and failed.

passed=0
failed=0
failures=()
unfinished=""

# required NAME COMMAND…: nothing after it makes sense when it fails, so the script ends.
# Runs in this shell, because it sets variables for the steps after it.
required() {
  local begin=$SECONDS
  unfinished="$1"
  printf '\n== %s\n' "$1"
  shift
  "$@"
  printf -- '-- %s: ok after %d s\n' "$unfinished" $((SECONDS - begin))
  unfinished=""
}

# check NAME COMMAND…: counts as one test.
check() {
  if run_step "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    failures+=("$1")
  fi
}

# suite NAME COMMAND…: counts as many tests as its output tells.
suite() {
  local ok=0 good bad
  run_step "$@" || ok=$?
  read -r good bad < <(count_tests <"$(log_of "$1")")
  if ((ok != 0 && bad == 0)); then bad=1; fi
  if ((bad > 0)); then failures+=("$1"); fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

run_step() {
  local name="$1" begin=$SECONDS status=0 word=ok
  unfinished="$name"
  shift
  printf '\n== %s\n' "$name"
  "$@" 2>&1 | tee "$(log_of "$name")" || status=$?
  ((status == 0)) || word=FAILED
  printf -- '-- %s: %s after %d s\n' "$name" "$word" $((SECONDS - begin))
  unfinished=""
  return "$status"
}

# within TIME COMMAND…: ends the command and all that it started if it takes longer, so that no step
# can hang. On a terminal only the command itself: it has to hear Ctrl-C.
within() {
  local time="$1" alone=()
  shift
  [[ ! -t 0 ]] || alone=(--foreground)
  timeout "${alone[@]}" --kill-after=30s "$time" "$@"
}

log_of() {
  echo "$LOGS/${1// /-}.log"
}

# Adds up the closing lines of nextest, cargo test, pytest and node's test runner.
count_tests() {
  sed 's/\x1b\[[0-9;]*m//g' | awk '
    function number_before(word,    i) {
      for (i = 2; i <= NF; i++) if ($i ~ "^" word "[,;]?$") return $(i - 1) + 0
      return 0
    }
    / tests? run: / || /^test result: / || /^=* ?[0-9]+ (passed|failed|error).* in [0-9.]+s/ {
      good += number_before("passed")
      bad += number_before("failed") + number_before("errors?") + number_before("timed")
    }
    /^(#|ℹ) pass [0-9]+$/ { good += $3 }
    /^(#|ℹ) (fail|cancelled) [0-9]+$/ { bad += $3 }
    END { print good + 0, bad + 0 }'
}

# The last words, whatever ended the script.
summary() {
  if [[ -n "$unfinished" ]]; then
    failures+=("$unfinished")
    failed=$((failed + 1))
  fi
  ((${#failures[@]} == 0)) || printf 'failed: %s\n' "${failures[@]}"
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0))
}
