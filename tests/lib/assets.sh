# Vendored assets: each copy equals the file of the package that `sources.txt` names, and each has its line.

VENDOR=src/dashboard/assets/vendor

vendored_assets() {
  local scratch good=0 bad=0
  scratch="$(mktemp -d "$SCRATCH/assets.XXXXXX")"
  while read -r package _licence path copy; do
    [[ "$package" != "#" ]] || continue
    if cmp "$(unpacked "$scratch" "$package")/$path" "$VENDOR/$copy"; then
      good=$((good + 1))
    else
      bad=$((bad + 1))
    fi
  done <"$VENDOR/sources.txt"
  unnamed_copies || bad=$((bad + 1))
  echo "$good copies equal what was published, $bad do not"
  ((bad == 0 && good > 0))
}

# Prints where the package lies, after it was fetched once.
unpacked() {
  local scratch="$1" package="$2" folder="$1/${2//\//_}"
  if [[ ! -d "$folder" ]]; then
    mkdir "$folder"
    (cd "$folder" && within 2m npm pack --silent "$package" >archive && tar xzf "$(tail -n 1 archive)")
  fi
  echo "$folder/package"
}

unnamed_copies() {
  local unnamed
  unnamed="$(comm -13 <(awk '$1 != "#" {print $4}' "$VENDOR/sources.txt" | sort) \
    <(cd "$VENDOR" && find . -type f ! -name README.md ! -name sources.txt -printf '%P\n' | sort))"
  [[ -z "$unnamed" ]] || { echo "no source is named for: $unnamed"; return 1; }
}
