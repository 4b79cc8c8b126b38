"""Runs one server of a Swift that lives in a directory of its own.

    node.py ETC rings POWER REPLICAS DEVICES NAME:PORT...
    node.py ETC NAME-server
    node.py ETC object-updater-once

Swift finds swift.conf by a constant, /etc/swift/swift.conf. Here the constant
is changed before anything has read it, so that a test needs neither root nor a
machine to itself.
"""
import os
import sys


def rings(etc, power, replicas, devices, *servers):
    """Write the rings: every server has all devices, each a zone of its own."""
    from swift.common.ring import RingBuilder
    for server in servers:
        name, port = server.split(":")
        builder = RingBuilder(int(power), float(replicas), 0)
        for d in range(1, int(devices) + 1):
            builder.add_dev({
                "region": 1, "zone": d, "device": "d%d" % d, "weight": 1.0, "meta": "",
                "ip": "127.0.0.1", "port": int(port),
                "replication_ip": "127.0.0.1", "replication_port": int(port),
            })
        builder.rebalance(seed=1)
        builder.get_ring().save(os.path.join(etc, name + ".ring.gz"))


def serve(etc, what):
    """Run a server, or one pass of a daemon."""
    from swift.common import constraints, storage_policy, utils
    utils.SWIFT_CONF_FILE = os.path.join(etc, "swift.conf")
    constraints.reload_constraints()
    storage_policy.reload_storage_policies()
    sys.argv = [what, "--verbose"]
    if what == "object-updater-once":
        from swift.common.daemon import run_daemon
        from swift.obj.updater import ObjectUpdater
        run_daemon(ObjectUpdater, os.path.join(etc, "object-server.conf"), once=True, verbose=True)
        return 0
    from swift.common.wsgi import run_wsgi
    return run_wsgi(os.path.join(etc, what + ".conf"), what, verbose=True)


if __name__ == "__main__":
    if sys.argv[2] == "rings":
        rings(sys.argv[1], *sys.argv[3:])
    else:
        sys.exit(serve(*sys.argv[1:]))
