#!/usr/bin/env bash
# iso.sh TREE ISO VERSION: a hybrid image for BIOS and UEFI, CD and USB stick.
#
# What grub-mkrescue does, with GRUB's modules inside its two images instead of all
# modules, fonts and translations beside them: 3 MB instead of 20.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$1 out=$2 version=$3
grub=$tree/boot/grub
mkdir -p "$grub"
sed "s/@VERSION@/$version/" "$here/grub/live.cfg" > "$grub/grub.cfg"

"$here/grub.sh" MUCURA "$grub" iso
cat /usr/lib/grub/i386-pc/cdboot.img "$grub/core.img" > "$grub/bios.img"
rm "$grub/core.img"
"$here/esp.sh" "$grub/bootx64.efi" "$grub/efi.img" 4096
rm "$grub/bootx64.efi"

stamp=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S00)
xorriso -as mkisofs -quiet -o "$out" -V MUCURA -r \
  --modification-date="$stamp" --set_all_file_dates "$stamp" \
  -b boot/grub/bios.img -no-emul-boot -boot-load-size 4 -boot-info-table --grub2-boot-info \
  --grub2-mbr /usr/lib/grub/i386-pc/boot_hybrid.img --protective-msdos-label \
  --efi-boot boot/grub/efi.img -efi-boot-part --efi-boot-image \
  --sort-weight 0 / --sort-weight 1 /boot "$tree"
