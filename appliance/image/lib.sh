# shellcheck shell=bash disable=SC2154 # work, out and top are the caller's
# Sourced by the scripts of this directory.

install_packages() {
  [ "$(id -u)" = 0 ] || { echo "needs the packages $*: install them, or run as root" >&2; exit 1; }
  [ -n "${apt_updated:-}" ] || { apt-get update -qq -o DPkg::Lock::Timeout=300; apt_updated=1; }
  apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" > /dev/null
}

# need COMMAND PACKAGE: installs PACKAGE when COMMAND is not there.
need() {
  command -v "$1" > /dev/null || install_packages "$2"
}

# Seconds of CPU of all commands so far, in $cpu: "times" tells it in this shell only.
measure() {
  times > "$work/times"
  cpu=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); n += t[1] * 60 + t[2] } printf "%.0f", n }' "$work/times")
}

# step NAME COMMAND ARGS: runs the command and tells what it took.
step() {
  local what=$1 wall=$SECONDS before
  shift
  measure
  before=$cpu
  "$@"
  measure
  printf '%-18s %4d s, %4d s of CPU\n' "$what" $((SECONDS - wall)) $((cpu - before))
}

total() {
  measure
  printf '%-18s %4d s, %4d s of CPU\n' 'all' "$SECONDS" "$cpu"
}

# The key that signs updates: MUCURA_SIGNING_KEY, or one made here for trials.
update_key() {
  if [ -n "${MUCURA_SIGNING_KEY:-}" ]; then
    echo "$MUCURA_SIGNING_KEY"
    return
  fi
  local key=$out/developer-key
  if [ ! -e "$key" ]; then
    mkdir -p "$out"
    "$top/bin/mucurad-appliance" bundle keygen "$key" >&2
  fi
  echo "NOTICE: updates are signed with a developer's key, $key: set MUCURA_SIGNING_KEY for images that others install" >&2
  echo "$key"
}
