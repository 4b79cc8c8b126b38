#!/usr/bin/env bash
# Makes the appliance's images in out/appliance: build.sh [iso] [disk]
#
# Needs root on a Debian machine; what is missing it installs through apt. Packages
# come from the mirrors that this machine's own apt uses for bookworm, else from
# deb.debian.org. Same commit, same packages: same bytes (SOURCE_DATE_EPOCH is the
# commit's time unless set).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"

suite=bookworm
# A commit's bare hash would not tell which of two versions is newer.
version=${VERSION:-$(git -C "$top" describe --tags --dirty 2> /dev/null || echo "v0.0.0-$(git -C "$top" rev-list --count HEAD)-g$(git -C "$top" describe --always --dirty)")}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct)}
out=${OUT:-$top/out/appliance}
work=$out/work
root=$work/root
iso=$work/iso
name=$out/mucura-$version-amd64
export LC_ALL=C.UTF-8 TZ=UTC DEBIAN_FRONTEND=noninteractive
umask 022

need_tools() {
  need mmdebstrap mmdebstrap
  need mksquashfs squashfs-tools
  need xorriso xorriso
  need mcopy mtools
  need mkfs.btrfs btrfs-progs
  need mke2fs e2fsprogs
  need sfdisk fdisk
  need qemu-img qemu-utils
  need grub-mkimage grub-common
  [ -e /usr/lib/grub/i386-pc/cdboot.img ] || install_packages grub-pc-bin
  [ -e /usr/lib/grub/x86_64-efi/moddep.lst ] || install_packages grub-efi-amd64-bin
}

# The mirrors of this machine for the suite, as sources.list lines.
mirrors() {
  local found
  # shellcheck disable=SC2016 # apt's own variables
  found=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' \
    | grep -E " $suite(-updates|-security)? " | sort -u) || true
  if ! grep -q " $suite main" <<< "$found"; then
    found="deb http://deb.debian.org/debian $suite main
deb http://deb.debian.org/debian $suite-updates main
deb http://deb.debian.org/debian-security $suite-security main"
  fi
  echo "$found"
}

# What is put into the root before Debian's packages: ours, and their settings.
stage_tree() {
  rm -rf "$work/tree" && mkdir -p "$work/tree"
  cp -r "$here/tree/." "$work/tree/"
  local lib=$work/tree/usr/lib/mucura share=$work/tree/usr/share/mucura
  install -D -m 755 "$top/bin/mucurad" "$lib/mucurad"
  install -D -m 755 "$top/bin/mucura" "$lib/mucura"
  install -D -m 755 "$top/bin/mucurad-appliance" "$work/tree/usr/sbin/mucurad-appliance"
  install -d "$work/tree/usr/bin" "$share/update-keys" "$share/grub"
  ln -s ../lib/mucura/mucura "$work/tree/usr/bin/mucura"
  install -m 644 "$top/LICENSE" "$share/LICENSE"
  install -m 644 "$here/grub/disk.cfg" "$share/grub/grub.cfg"
  install -m 644 "$(update_key).pub" "$share/update-keys/"
  echo "$version" > "$share/version"
  chmod -R go-w,a+rX "$work/tree"
}

# The root file system: Debian's packages, our tree, nothing else.
make_root() {
  local packages
  # A build that was killed may have left the machine's own /proc and /sys in there.
  awk -v dir="$root/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount
  rm -rf --one-file-system "$root"
  packages=$(sed 's/#.*//' "$here/packages.list" | xargs | tr ' ' ',')
  mirrors > "$work/sources.list"
  mmdebstrap --quiet --variant=minbase --mode=root --format=directory --architectures=amd64 \
    --dpkgopt=force-unsafe-io --dpkgopt=force-confold \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/bash-completion/*' \
    --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "5"' \
    --include="$packages" \
    --essential-hook="mkdir -p \$1/etc/initramfs-tools && printf 'update_initramfs=no\n' > \$1/etc/initramfs-tools/update-initramfs.conf" \
    --customize-hook="$here/customize.sh \$1 $work/tree $here" \
    "$suite" "$root" "$work/sources.list"
}

# What the archive's packages leave behind that differs from build to build.
clean_root() {
  # Caches, logs and backups; identities, which no two machines may share; mirrors.
  local pattern
  while read -r pattern; do
    # shellcheck disable=SC2086 # a pattern it is
    rm -rf "$root"$pattern
  done << 'PATTERNS'
/var/lib/apt/lists/*
/var/cache/apt/*
/var/cache/debconf/*-old
/var/cache/ldconfig/aux-cache
/var/lib/dpkg/*-old
/var/log/*
/tmp/*
/run/*
/etc/*-
/etc/.pwd.lock
/etc/ssh/ssh_host_*
/etc/nvme/hostid
/etc/nvme/hostnqn
/var/lib/dbus/machine-id
/var/lib/systemd/random-seed
/var/lib/systemd/credential.secret
/var/lib/systemd/catalog/database
/etc/apt/sources.list
/etc/apt/sources.list.d/*
/etc/hostname
/etc/resolv.conf
/etc/.resolv.conf.systemd-resolved.bak
PATTERNS
  mkdir -p "$root/etc/network" "$root/data"
  : > "$root/etc/machine-id"
  echo mucura > "$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 mucura\n::1 localhost ip6-localhost ip6-loopback\n' > "$root/etc/hosts"
  ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
}

make_squashfs() {
  mkdir -p "$iso/live"
  cp "$root"/boot/vmlinuz-* "$iso/live/vmlinuz"
  cp "$root"/boot/initrd.img-* "$iso/live/initrd.img"
  mksquashfs "$root" "$iso/live/filesystem.squashfs" -noappend -quiet -no-progress -no-xattrs -comp zstd -Xcompression-level 15 -e boot
}

make_bundle() {
  "$top/bin/mucurad-appliance" bundle --key "$(update_key)" --version "$version" --out "$name.update" "$iso/live"
}

report() {
  dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package}\t${Version}\t${source:Package}\t${source:Version}\n' > "$name.packages"
  (cd "$top" && ${GO:-go} run ./appliance/internal/sbom -version "$version" -time "$SOURCE_DATE_EPOCH" \
    -packages "$name.packages" bin/mucurad bin/mucura bin/mucurad-appliance) > "$name.spdx.json"
  # A raw disk is 8 GiB of zeros: who publishes it compresses it, and sums that.
  (cd "$out" && find . -name "mucura-$version-amd64.*" ! -name '*.raw' -printf '%P\n' | LC_ALL=C sort | xargs sha256sum > SHA256SUMS)
  cat "$name.packages"
  echo
  echo "$(wc -l < "$name.packages") Debian packages"
  du --apparent-size --block-size=MB "$name".*
}

need_tools
mkdir -p "$work"
rm -f "$out"/mucura-*-amd64.*
case " ${*:-iso disk} " in
  *' iso '*)
    step 'tree' stage_tree
    step 'root file system' make_root
    clean_root
    step 'squashfs' make_squashfs
    step 'ISO' "$here/iso.sh" "$iso" "$name.iso" "$version"
    step 'update bundle' make_bundle
    ;;
esac
case " ${*:-iso disk} " in
  *' disk '*) step 'disk images' "$here/disk.sh" "$iso/live" "$name" "$version" ;;
esac
report
total
