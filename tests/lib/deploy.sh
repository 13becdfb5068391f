# What operators deploy: the image's sources, the compose file, the chart, the unit, the alert rules.

deployment_tests() {
  PATH="$(realpath "$DEPLOY/python/bin"):$PATH" PYTHONDONTWRITEBYTECODE=1 \
    within 10m "$DEPLOY/python/bin/python" -m pytest -q -p no:cacheprovider tests/deploy
}

# The image is built from what `.dockerignore` lets in: that must be enough.
image_context() {
  local context="$SCRATCH/context" target
  target="$(realpath "$TARGET")"
  mkdir -p "$context"
  sed -n 's/^!//p' .dockerignore | xargs git ls-files -z -- | xargs -0 cp --parents --target-directory="$context"
  (cd "$context" && CARGO_TARGET_DIR="$target" within 20m cargo check --locked)
}
