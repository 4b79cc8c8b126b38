#!/usr/bin/env bash
# Installs the clients of the interoperability run, and those that docs/users.md
# names besides, from Debian's packages.
set -euo pipefail
want=(openssl curl awscli python3-boto3 s3cmd rclone restic s3fs fuse3 davix python3-gfal2 gfal2-util-scripts gfal2-plugin-http gfal2-plugin-file duplicity nodejs npm)
missing=()
for p in "${want[@]}"; do dpkg -s "$p" > /dev/null 2>&1 || missing+=("$p"); done
for c in node:nodejs npm:npm; do # other builds of them will do
  if command -v "${c%:*}" > /dev/null; then missing=("${missing[@]/#${c#*:}/}"); fi
done
read -r -a missing <<< "${missing[*]}"
[ ${#missing[@]} = 0 ] && exit 0
[ "$(id -u)" = 0 ] || { echo "install as root: ${missing[*]}"; exit 1; }
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
