# Every setting is spelt here and nowhere else; docs/operators.md describes them.
locals {
  daemon   = var.shape == "daemon"
  web_port = local.daemon && var.ports.web != 443 ? ":${var.ports.web}" : ""
  tls_names = distinct(compact([
    var.hostname, var.auth_hostname, var.web_hostname,
  ]))
  registry = coalesce(var.registry_url, var.metadata_url)
  stores   = [var.metadata_url, var.content_url, local.registry]

  # All shapes. A null is a setting that is not given.
  common = {
    MUCURA_METADATA          = var.metadata_url
    MUCURA_CONTENT           = var.content_url
    MUCURA_REGISTRY          = var.registry_url
    MUCURA_ENDPOINT          = "https://${var.hostname}"
    MUCURA_AUTH_URL          = var.auth_hostname == null ? null : "https://${var.auth_hostname}"
    MUCURA_WEB_URL           = var.web_hostname == null ? null : "https://${var.web_hostname}${local.web_port}"
    MUCURA_OPERATOR_EMAIL    = join(",", var.operators)
    MUCURA_APPROVE           = join(";", var.approve)
    MUCURA_OIDC_ISSUER       = join(";", var.oidc_issuers)
    MUCURA_DEFAULT_QUOTA     = var.quotas.default
    MUCURA_DEFAULT_QUOTA_CAP = var.quotas.cap
    MUCURA_SITE_KEY_FILE     = var.shape == "lambda" ? null : "/etc/mucura/site.key"
    MUCURA_SMTP_SERVER       = try(var.mail.server, null)
    MUCURA_SMTP_FROM         = try(var.mail.from, null)
    MUCURA_SMTP_USER         = try(var.mail.user, null)
    MUCURA_SWEEP_INTERVAL    = length(var.jobs) > 0 ? "0" : null
    MUCURA_TRUST_DIR         = try(var.grid.trust, null)
    MUCURA_VOMSDIR           = try(var.grid.vomsdir, null)

    MUCURA_ALLOW_LEGACY_PROXIES = try(var.grid.allow_legacy_proxies, false) ? "true" : null
    MUCURA_ALLOW_MISSING_CRL    = try(var.grid.allow_missing_crl, false) ? "true" : null
  }

  for_daemon = {
    MUCURA_LISTEN              = ":${var.ports.https}"
    MUCURA_ADMIN_LISTEN        = ":${var.ports.admin}"
    MUCURA_WEB_LISTEN          = var.web_hostname == null ? "off" : ":${var.ports.web}"
    MUCURA_AUTH_HOST           = var.auth_hostname
    MUCURA_DATA                = "/var/lib/mucura"
    MUCURA_TLS                 = var.tls.mode
    MUCURA_TLS_NAME            = var.tls.mode == "files" ? null : join(",", local.tls_names)
    MUCURA_TLS_CERT            = var.tls.mode == "files" ? "/etc/mucura/cert.pem" : null
    MUCURA_TLS_KEY             = var.tls.mode == "files" ? "/etc/mucura/key.pem" : null
    MUCURA_ACME_CHALLENGE      = var.tls.mode == "acme" ? "tls-alpn-01" : null
    MUCURA_ACME_DIRECTORY      = var.tls.mode == "acme" ? var.tls.acme_directory : null
    MUCURA_ACME_EMAIL          = var.tls.mode == "acme" ? var.tls.acme_email : null
    MUCURA_PROXY_PROTOCOL_FROM = join(",", var.balancer_cidrs)
  }

  # In shape lambda client certificates come with the events of a load balancer.
  for_functions = {
    MUCURA_AUTH_TERMINATOR = var.shape == "lambda" && var.auth_hostname != null ? "alb-event" : null
  }

  environment = {
    for name, value in merge(
      local.common,
      local.daemon ? local.for_daemon : local.for_functions,
      var.extra_settings,
      var.secret_references,
    ) : name => value if value != null && value != ""
  }

  # What is secret, and has to reach the servers by another way than Terraform.
  # Functions on Lambda have passwords of stores in the URLs that are referred to.
  secrets = {
    MUCURA_SITE_KEY                  = var.shape == "lambda"
    MUCURA_ROOT_ACCESS_KEY_ID        = true
    MUCURA_ROOT_SECRET_ACCESS_KEY    = true
    MUCURA_SMTP_PASSWORD             = try(var.mail.user, null) != null
    MUCURA_OIDC_SECRET               = anytrue([for i in var.oidc_issuers : strcontains(i, " client-id=") && !strcontains(i, " secret-file=")])
    MUCURA_REDIS_PASSWORD            = var.shape != "lambda" && anytrue([for u in local.stores : startswith(u, "redis")])
    MUCURA_RIAK_PASSWORD             = var.shape != "lambda" && anytrue([for u in local.stores : startswith(u, "riak+https")])
    OS_APPLICATION_CREDENTIAL_SECRET = var.shape != "lambda" && startswith(var.content_url, "swift")
  }

  # What a function of its own has no use for, and gives access: the credentials of
  # the content store where no bytes move, the administrator's pair where no
  # account is made, the mail server where nobody is written to.
  contents = concat(
    ["MUCURA_CONTENT"],
    startswith(var.content_url, "swift") ? ["OS_APPLICATION_CREDENTIAL_SECRET"] : [],
    anytrue([for u in [var.metadata_url, local.registry] : startswith(u, "riak")]) ? [] : ["MUCURA_RIAK_PASSWORD"],
  )
  administrator = ["MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY"]
  withheld = {
    credentials  = concat(local.contents, local.administrator)
    registration = concat(local.contents, local.administrator)
    sweep        = concat(local.administrator, ["MUCURA_SMTP_PASSWORD", "MUCURA_OIDC_SECRET"])
  }

  # The same times for each kind of timer. Daily jobs run at night, and minutes
  # are taken from the name, so that not all jobs of all sites start at once.
  minute = { for name, j in var.jobs : name => parseint(substr(sha256(name), 0, 4), 16) % min(j.every_minutes, 60) }
  schedules = {
    for name, j in var.jobs : name => {
      budget = j.budget
      rate   = "rate(${j.every_minutes} minutes)"
      cron = (
        j.every_minutes < 60 ? "${local.minute[name]}-59/${j.every_minutes} * * * *" :
        j.every_minutes == 60 ? "${local.minute[name]} * * * *" :
        j.every_minutes < 1440 ? "${local.minute[name]} */${j.every_minutes / 60} * * *" :
        "${local.minute[name]} 3 * * *"
      )
      calendar = (
        j.every_minutes < 60 ? format("*:%02d/%d", local.minute[name], j.every_minutes) :
        j.every_minutes == 60 ? format("*:%02d", local.minute[name]) :
        j.every_minutes < 1440 ? format("0/%d:%02d", j.every_minutes / 60, local.minute[name]) :
        format("03:%02d", local.minute[name])
      )
    }
  }
}
