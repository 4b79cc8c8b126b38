#!/usr/bin/env bash
# packer.sh validate|build [FLAGS OF PACKER]: with Packer 1.6.6 of Debian as with
# later ones. Builds from the ISO in out/appliance.
set -euo pipefail
cd "$(dirname "$0")/.."
here=packer
export CHECKPOINT_DISABLE=1 PACKER_CACHE_DIR=${PACKER_CACHE_DIR:-$PWD/out/packer-cache}

need() { # COMMAND PACKAGE
  command -v "$1" > /dev/null && return
  [ "$(id -u)" = 0 ] || { echo "$1 is missing: install $2" >&2; exit 1; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$2" > /dev/null
}
need packer packer
need qemu-system-x86_64 qemu-system-x86
need qemu-img qemu-utils
need xorriso xorriso
need ssh-keygen openssh-client

if packer version | awk '{ sub(/^v/, "", $2); split($2, v, "."); exit !(v[1] > 1 || v[2] >= 7) }'; then
  packer init "$here"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ssh-keygen -q -t ed25519 -N '' -C packer -f "$work/key"
# A throw-away administrator, so that the server starts and can be looked at.
random() { od -An -N20 -tx1 /dev/urandom | tr -d ' \n'; }
mkdir "$work/seed"
cat > "$work/seed/mucura.yaml" << SEED
administrator:
  access_key_id: $(random)
  secret_access_key: $(random)
ssh:
  authorized_keys:
    - $(cat "$work/key.pub")
SEED

if [ "$1" = validate ]; then
  iso=$work/none.iso
  : > "$iso"
else
  iso=$(echo "$PWD"/out/appliance/mucura-*-amd64.iso)
  [ -f "$iso" ] || { echo "out/appliance must have one ISO: make appliance" >&2; exit 1; }
fi
version=$(basename "$iso" -amd64.iso)
version=${version#mucura-}
accelerator=kvm cpu=host
if ! { grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; }; then
  accelerator=tcg cpu=qemu64
fi

verb=$1
shift
[ "$verb" = validate ] || { rm -rf out/packer; mkdir -p out; }
packer "$verb" "$@" -var "iso=$iso" -var "iso_checksum=sha256:$(sha256sum "$iso" | cut -d' ' -f1)" -var "version=$version" \
  -var "seed=[\"$work/seed/mucura.yaml\"]" -var "ssh_key=$work/key" \
  -var "accelerator=$accelerator" -var "cpu=$cpu" "$here/mucura.pkr.hcl"
[ "$verb" != validate ] || echo "packer/mucura.pkr.hcl is valid for $(packer version | head -n 1)"
