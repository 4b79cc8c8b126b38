# User data of a machine of shape daemon, for any image with cloud-init and
# systemd. It holds no secret: the machine waits for /etc/mucura/site.key and
# /etc/mucura/secrets.env, which arrive by another way (the README says which).
locals {
  # systemd's EnvironmentFile takes backslash and quote for what they are only
  # behind a backslash.
  environment_file = join("", [
    for name, value in local.environment :
    format("%s=\"%s\"\n", name, replace(replace(value, "\\", "\\\\"), "\"", "\\\""))
  ])

  units = merge(
    {
      "mucurad.service" = file("${path.module}/files/mucurad.service")
      "mucurad.path"    = file("${path.module}/files/mucurad.path")
    },
    { for name, s in local.schedules : "mucura-job-${name}.service" => templatefile("${path.module}/files/job.service.tftpl", { name = name, budget = s.budget }) },
    { for name, s in local.schedules : "mucura-job-${name}.timer" => templatefile("${path.module}/files/job.timer.tftpl", { name = name, calendar = s.calendar }) },
  )

  cloud_init = {
    for r in var.releases : r.version => join("\n", ["#cloud-config", yamlencode({
      packages = ["ca-certificates", "curl"]
      users    = ["default", { name = "mucura", system = true, shell = "/usr/sbin/nologin", no_create_home = true }]
      write_files = concat(
        [
          { path = "/etc/mucura/mucura.env", permissions = "0644", content = local.environment_file },
          { path = "/usr/local/sbin/mucura-admin", permissions = "0755", content = file("${path.module}/files/mucura-admin") },
          { path = "/etc/mucura/release", permissions = "0644", content = "${r.version}\n" },
        ],
        [for name, text in local.units : { path = "/etc/systemd/system/${name}", permissions = "0644", content = text }],
        r.url == null ? [] : [{
          path        = "/usr/local/sbin/mucura-install"
          permissions = "0755"
          content     = templatefile("${path.module}/files/install.sh.tftpl", { url = r.url, sha256 = r.sha256 })
        }],
      )
      runcmd = concat(
        r.url == null ? [] : [["/usr/local/sbin/mucura-install"]],
        [
          ["systemctl", "daemon-reload"],
          concat(["systemctl", "enable", "--now", "mucurad.path"], [for name in keys(local.schedules) : "mucura-job-${name}.timer"]),
        ],
      )
    })]) if var.shape == "daemon"
  }
}
