# User data of a node. It holds no secret: Riak is enabled, and not started before
# its cookie, and with tls its key, have been brought.
locals {
  user_data = {
    for key, address in local.nodes : key => join("\n", ["#cloud-config", yamlencode({
      packages = ["ca-certificates", "curl"]
      write_files = [
        {
          path        = "/etc/riak/site.conf"
          permissions = "0644"
          content = templatefile("${path.module}/files/riak.conf.tftpl", {
            address = address, ring_size = var.ring_size, tls = var.tls, port = local.port, nodes = var.nodes
          })
        },
        {
          path        = "/usr/local/sbin/riak-install"
          permissions = "0755"
          content = templatefile("${path.module}/files/install.sh.tftpl", {
            url = replace(var.package_url, "VERSION", var.riak_version), sha256 = var.package_sha256
          })
        },
        { path = "/usr/local/sbin/riak-begin", permissions = "0755", content = file("${path.module}/files/begin.sh") },
        { path = "/etc/systemd/system/riak-begin.service", permissions = "0644", content = file("${path.module}/files/riak-begin.service") },
        { path = "/etc/systemd/system/riak-begin.path", permissions = "0644", content = file("${path.module}/files/riak-begin.path") },
        { path = "/etc/security/limits.d/riak.conf", permissions = "0644", content = "riak - nofile 262144\n" },
      ]
      runcmd = [
        ["/usr/local/sbin/riak-install"],
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", "--now", "riak-begin.path"],
      ]
    })])
  }
}
