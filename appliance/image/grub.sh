#!/usr/bin/env bash
# grub.sh LABEL DIRECTORY iso|disk: GRUB's images core.img (BIOS) and bootx64.efi
# in DIRECTORY, which go on with /boot/grub/grub.cfg on the file system of that label.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
label=$1 dir=$2 kind=$3
modules="part_gpt part_msdos normal linux search search_label configfile echo test serial terminal loadenv sleep reboot halt minicmd all_video gzio"
case $kind in
  iso) modules="$modules iso9660" ;;
  disk) modules="$modules ext2" ;;
esac
early=$(mktemp)
trap 'rm -f "$early"' EXIT
sed "s/@LABEL@/$label/" "$here/grub/early.cfg" > "$early"
# shellcheck disable=SC2086 # several modules
grub-mkimage -O i386-pc -o "$dir/core.img" -p /boot/grub -c "$early" $modules biosdisk
# shellcheck disable=SC2086
grub-mkimage -O x86_64-efi -o "$dir/bootx64.efi" -p /boot/grub -c "$early" $modules efi_gop efi_uga fat efifwsetup
