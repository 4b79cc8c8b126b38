#!/bin/sh
# Puts the data volume, the settings and the cookie in their places, and starts
# Riak. Doing it again does no harm.
set -eu

# The volume is the disk without partitions that is not in use, or has our label.
if ! mountpoint -q /var/lib/riak; then
    disk=$(blkid -L riak-data || true)
    if [ -z "$disk" ]; then
        for candidate in /dev/vdb /dev/sdb; do
            [ -b "$candidate" ] || continue
            # Refuse whatever has a signature: it may be somebody's data.
            if [ -z "$(blkid -p "$candidate" || true)" ]; then
                disk=$candidate
                mkfs.ext4 -q -L riak-data "$disk"
                break
            fi
        done
    fi
    [ -n "$disk" ] || { echo "the data volume is not there" >&2; exit 1; }
    mkdir -p /var/lib/riak
    mount -o noatime "$disk" /var/lib/riak
fi
chown riak:riak /var/lib/riak

# The package's settings, without those that are this site's, and these.
conf=/etc/riak/riak.conf
[ -e "$conf.package" ] || cp "$conf" "$conf.package"
umask 077
{
    awk -F' *= *' 'NR == FNR { if (!/^#/) ours[$1] = 1; next } !($1 in ours) && $1 != "distributed_cookie"' /etc/riak/site.conf "$conf.package"
    cat /etc/riak/site.conf
    printf 'distributed_cookie = %s\n' "$(cat /etc/riak/cookie)"
} >"$conf.new"
mv "$conf.new" "$conf"
chown root:riak "$conf"
chmod 640 "$conf"
systemctl start riak
