#!/bin/sh
# In the machine, after it started from its disk: the slot is kept, the server
# serves, the data lie on btrfs, and no unit has failed.
set -eux
grep -q 'mucura.slot=a' /proc/cmdline
mountpoint -q /data
test "$(stat -f -c %T /data)" = btrfs
i=0
until busybox wget -q -O - http://127.0.0.1:9001/-/ready && systemctl is-active mucura-commit.service; do
  i=$((i + 1))
  test $i -lt 200
  sleep 3
done
test "$(systemctl --failed --no-legend | wc -l)" = 0
