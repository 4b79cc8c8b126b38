#!/bin/bash
# Customize hook of mmdebstrap: customize.sh ROOT TREE IMAGE-DIRECTORY
set -euo pipefail
root=$1 tree=$2 here=$3

cp -r --no-preserve=ownership "$tree/." "$root/"
chroot "$root" systemd-sysusers mucura.conf
mkdir -p "$root/data"

# No getty, no shell on any terminal: mucura-console has them.
chroot "$root" systemctl --quiet preset-all
chroot "$root" systemctl --quiet mask getty@tty1.service serial-getty@ttyS0.service console-getty.service \
  systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
chroot "$root" passwd --quiet --lock root
echo LANG=C.UTF-8 > "$root/etc/default/locale"
ln -sf /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"

# Drivers that no server has.
kernel=$(basename "$root"/lib/modules/*)
sed 's/#.*//' "$here/modules.prune" | while read -r path; do
  [ -z "$path" ] || rm -rf "$root/lib/modules/$kernel/kernel/$path"
done
chroot "$root" depmod "$kernel"

# One initramfs, at the end.
install -m 755 "$here/initramfs/mucura-hook" "$root/etc/initramfs-tools/hooks/mucura"
install -D -m 755 "$here/initramfs/mucura-machine-id" "$root/etc/initramfs-tools/scripts/live-bottom/mucura-machine-id"
sed -i -e 's/^MODULES=.*/MODULES=list/' -e 's/^COMPRESS=.*/COMPRESS=zstd/' "$root/etc/initramfs-tools/initramfs.conf"
chroot "$root" update-initramfs -c -k "$kernel" > /dev/null
printf 'update_initramfs=no\n' > "$root/etc/initramfs-tools/update-initramfs.conf"

# What would only show at boot.
chroot "$root" nft -c -f /etc/nftables.conf
units=$(find "$tree/usr/lib/systemd/system" -maxdepth 1 -type f -printf '%f\n' | sed 's/@\.service/@tty1.service/')
# shellcheck disable=SC2086 # several units
chroot "$root" systemd-analyze verify --man=no $units
chroot "$root" systemd-analyze security --offline=yes --threshold=20 mucurad.service > /tmp/mucurad-security.$$ || {
  cat /tmp/mucurad-security.$$
  exit 1
}
tail -n 1 /tmp/mucurad-security.$$
rm /tmp/mucurad-security.$$
