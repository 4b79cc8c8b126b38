#!/usr/bin/env bash
# esp.sh BOOTX64.EFI IMAGE KIB: an EFI system partition, without mounting it.
set -euo pipefail
rm -f "$2"
truncate -s "${3}K" "$2"
mformat -i "$2" -v MUCURA-ESP -N 4d554355 ::
touch -d "@$SOURCE_DATE_EPOCH" "$1"
mmd -i "$2" ::/EFI ::/EFI/BOOT
mcopy -m -i "$2" "$1" ::/EFI/BOOT/BOOTX64.EFI
