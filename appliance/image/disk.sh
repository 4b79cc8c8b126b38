#!/usr/bin/env bash
# disk.sh SLOT-DIRECTORY NAME: NAME.qcow2 (with RAW=1 NAME.raw, too), a disk with the
# system installed in slot a, as "mucurad-appliance install" would.
#
# Nothing is mounted and no loop device used, so it works in any container. The
# data partition stays blank: each machine makes its own file system there at its
# first start, because two btrfs of one identity must never meet in one machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
slot=$1 name=$2
size=${DISK_SIZE:-8G}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
raw=$name.raw
identity=6d756375-7261-4000-8000-0000000000 # and two digits

# What lies where, in sectors of 512 bytes.
bios=2048 esp=4096 sys=$((4096 + 131072)) data=$((4096 + 131072 + 2097152))

rm -f "$raw"
truncate -s "$size" "$raw"
sfdisk --quiet "$raw" << TABLE
label: gpt
label-id: ${identity}00
start=$bios, size=2048, type=21686148-6449-6E6F-744E-656564454649, name=MUCURA-BIOS, uuid=${identity}01
start=$esp, size=131072, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=MUCURA-ESP, uuid=${identity}02
start=$sys, size=2097152, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=MUCURA-SYS, uuid=${identity}03
start=$data, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=MUCURA-DATA, uuid=${identity}04
TABLE

put() { # FILE SECTOR: into the disk, holes stay holes
  dd if="$1" of="$raw" bs=512 seek="$2" conv=notrunc,sparse status=none
}

little() { # NUMBER BYTES: little-endian
  local n=$1 i
  for ((i = 0; i < $2; i++)); do
    # shellcheck disable=SC2059 # an escape it is
    printf "\\x$(printf %02x $((n & 255)))"
    n=$((n >> 8))
  done
}

patch() { # FILE OFFSET: writes standard input there
  dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# BIOS: the boot sector loads core.img from its own partition. The offsets are
# those of GRUB's boot.S and diskboot.S, which grub-bios-setup fills in the same way.
"$here/grub.sh" MUCURA-SYS "$work" disk
cp /usr/lib/grub/i386-pc/boot.img "$work/boot.img"
little $bios 8 | patch "$work/boot.img" $((0x5c))
printf '\x90\x90' | patch "$work/boot.img" $((0x66))
dd if="$work/boot.img" of="$raw" bs=1 count=440 conv=notrunc status=none
truncate -s %512 "$work/core.img"
sectors=$(($(stat -c %s "$work/core.img") / 512))
[ $sectors -le 2048 ]
{ little $((bios + 1)) 8; little $((sectors - 1)) 2; little $((0x820)) 2; } | patch "$work/core.img" $((0x1f4))
put "$work/core.img" $bios

# UEFI.
"$here/esp.sh" "$work/bootx64.efi" "$work/esp.img" 65536
put "$work/esp.img" $esp

# The system partition: slot a, an empty b, GRUB's menu and its environment.
mkdir -p "$work/sys/a" "$work/sys/b" "$work/sys/boot/grub"
cp "$slot"/vmlinuz "$slot"/initrd.img "$slot"/filesystem.squashfs "$work/sys/a/"
cp "$here/grub/disk.cfg" "$work/sys/boot/grub/grub.cfg"
grub-editenv "$work/sys/boot/grub/grubenv" create
grub-editenv "$work/sys/boot/grub/grubenv" set slot=a
find "$work/sys" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
# GRUB must be able to write its environment, so nothing that its driver lacks.
E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -L MUCURA-SYS -U "${identity}05" -m 1 \
  -E "hash_seed=${identity}06,root_owner=0:0" -O ^metadata_csum_seed,^orphan_file -d "$work/sys" "$work/sys.img" 1G > /dev/null
# mke2fs copies the times of the copies made above.
(cd "$work/sys" && find . -printf '/%P\n' | LC_ALL=C sort) | while read -r path; do
  for field in atime ctime mtime crtime; do
    printf 'set_inode_field %s %s @%s\nset_inode_field %s %s_extra 0\n' "$path" $field "$SOURCE_DATE_EPOCH" "$path" $field
  done
done > "$work/times"
E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH debugfs -w -f "$work/times" "$work/sys.img" > /dev/null 2>&1
put "$work/sys.img" $sys

qemu-img convert -f raw -O qcow2 -c -o compression_type=zstd "$raw" "$name.qcow2"
[ "${RAW:-}" = 1 ] || rm "$raw"
