variables {
  shape        = "daemon"
  hostname     = "s3.example.org"
  metadata_url = "redis://redis.example.org"
  content_url  = "swift://keystone.example.org:5000/v3?application-credential-id=abc"
}

run "defaults_of_a_daemon" {
  command = plan

  assert {
    condition = output.environment == tomap({
      MUCURA_ACME_CHALLENGE    = "tls-alpn-01"
      MUCURA_ADMIN_LISTEN      = ":9001"
      MUCURA_CONTENT           = "swift://keystone.example.org:5000/v3?application-credential-id=abc"
      MUCURA_DATA              = "/var/lib/mucura"
      MUCURA_DEFAULT_QUOTA     = "10GiB"
      MUCURA_DEFAULT_QUOTA_CAP = "100GiB"
      MUCURA_ENDPOINT          = "https://s3.example.org"
      MUCURA_LISTEN            = ":443"
      MUCURA_METADATA          = "redis://redis.example.org"
      MUCURA_SITE_KEY_FILE     = "/etc/mucura/site.key"
      MUCURA_SWEEP_INTERVAL    = "0"
      MUCURA_TLS               = "acme"
      MUCURA_TLS_NAME          = "s3.example.org"
      MUCURA_WEB_LISTEN        = "off"
    })
    error_message = "These settings were not expected: ${jsonencode(output.environment)}"
  }
  assert {
    condition     = output.secret_variables == toset(["MUCURA_REDIS_PASSWORD", "MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY", "OS_APPLICATION_CREDENTIAL_SECRET"])
    error_message = "These secrets were not expected: ${jsonencode(output.secret_variables)}"
  }
  assert {
    condition     = length(output.cloud_init) == 0
    error_message = "There is user data without a release."
  }
}

run "everything_of_a_daemon" {
  command = plan

  variables {
    auth_hostname  = "auth.example.org"
    web_hostname   = "files.example.org"
    registry_url   = "rediss://redis.example.org"
    operators      = ["ada@example.org", "bob@example.org"]
    approve        = ["vo:vo.example.org quota=10GiB", "invitation:"]
    mail           = { server = "mail.example.org:587", from = "mucura@example.org", user = "mucura" }
    grid           = { trust = "/etc/grid-security/certificates", vomsdir = "/etc/grid-security/vomsdir" }
    balancer_cidrs = ["10.0.0.0/24", "10.0.1.0/24"]
    tls            = { acme_directory = "https://acme.example.org/directory", acme_email = "ada@example.org" }
    extra_settings = { MUCURA_REGION = "eu", MUCURA_RAISE_HINT = "Say \"please\"." }
    jobs           = {}
    releases       = [{ version = "1.2.0" }]
  }

  assert {
    condition = alltrue([
      output.environment["MUCURA_PROXY_PROTOCOL_FROM"] == "10.0.0.0/24,10.0.1.0/24",
      output.environment["MUCURA_TLS_NAME"] == "s3.example.org,auth.example.org,files.example.org",
      output.environment["MUCURA_AUTH_HOST"] == "auth.example.org",
      output.environment["MUCURA_WEB_URL"] == "https://files.example.org:9443",
      output.environment["MUCURA_APPROVE"] == "vo:vo.example.org quota=10GiB;invitation:",
      output.environment["MUCURA_OPERATOR_EMAIL"] == "ada@example.org,bob@example.org",
      output.environment["MUCURA_TRUST_DIR"] == "/etc/grid-security/certificates",
      output.environment["MUCURA_REGION"] == "eu",
      !contains(keys(output.environment), "MUCURA_SWEEP_INTERVAL"),
      !contains(keys(output.environment), "MUCURA_ALLOW_LEGACY_PROXIES"),
      contains(output.secret_variables, "MUCURA_SMTP_PASSWORD"),
    ])
    error_message = "Settings are missing or wrong: ${jsonencode(output.environment)}"
  }
  assert {
    # A quote in a value is behind a backslash in the file that systemd reads.
    condition     = strcontains(yamldecode(output.cloud_init["1.2.0"]).write_files[0].content, "MUCURA_RAISE_HINT=\"Say \\\"please\\\".\"\n")
    error_message = "The environment file does not quote."
  }
  assert {
    # Without URL the image has the binary; without jobs there are no timers.
    condition     = length(yamldecode(output.cloud_init["1.2.0"]).write_files) == 5 && length(yamldecode(output.cloud_init["1.2.0"]).runcmd) == 2
    error_message = "There are files that nobody asked for."
  }
}

run "functions_know_nothing_of_listeners" {
  command = plan

  variables {
    shape         = "container"
    auth_hostname = "auth.example.org"
    web_hostname  = "files.example.org"
    releases      = [{ version = "1.2.0" }]
  }

  assert {
    condition     = length([for n in keys(output.environment) : n if can(regex("LISTEN|TLS|ACME|AUTH_HOST|TERMINATOR", n))]) == 0
    error_message = "A container is told how to listen: ${jsonencode(output.environment)}"
  }
  assert {
    condition     = output.environment["MUCURA_WEB_URL"] == "https://files.example.org" && length(output.cloud_init) == 0
    error_message = "The pages are at the HTTPS port, and there is no machine."
  }
}

run "lambda_reads_secrets_by_reference" {
  command = plan

  variables {
    shape             = "lambda"
    auth_hostname     = "auth.example.org"
    metadata_url      = "aws-ssm:/mucura/metadata"
    content_url       = "aws-sm:mucura/site#content"
    secret_references = { MUCURA_ROOT_SECRET_ACCESS_KEY = "aws-sm:mucura/site#root", MUCURA_SITE_KEY = "aws-sm:mucura/site#key" }
  }

  assert {
    condition     = output.secret_variables == toset(["MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY", "MUCURA_SITE_KEY"]) && !contains(keys(output.environment), "MUCURA_SITE_KEY_FILE")
    error_message = "A function has no file with the site key, and passwords of stores are in their URLs."
  }

  assert {
    condition     = output.environment["MUCURA_AUTH_TERMINATOR"] == "alb-event"
    error_message = "The function would not see client certificates."
  }
  assert {
    condition     = output.environment["MUCURA_ROOT_SECRET_ACCESS_KEY"] == "aws-sm:mucura/site#root"
    error_message = "The reference is missing."
  }
}

run "schedules_agree" {
  command = plan

  variables {
    jobs = {
      sweep  = { every_minutes = 10, budget = "8m" }
      scrub  = { every_minutes = 60 }
      usage  = { every_minutes = 360 }
      people = { every_minutes = 1440, budget = "90s" }
    }
    releases = [{ version = "1.2.0" }]
  }

  assert {
    condition     = output.schedules["sweep"] == { budget = "8m", calendar = "*:09/10", cron = "9-59/10 * * * *", rate = "rate(10 minutes)" }
    error_message = "sweep: ${jsonencode(output.schedules["sweep"])}"
  }
  assert {
    condition     = output.schedules["scrub"] == { budget = "10m", calendar = "*:18", cron = "18 * * * *", rate = "rate(60 minutes)" }
    error_message = "scrub: ${jsonencode(output.schedules["scrub"])}"
  }
  assert {
    condition     = can(regex("^0/6:[0-5][0-9]$", output.schedules["usage"].calendar)) && can(regex("^[0-9]+ \\*/6 \\* \\* \\*$", output.schedules["usage"].cron))
    error_message = "usage: ${jsonencode(output.schedules["usage"])}"
  }
  assert {
    condition     = can(regex("^03:[0-5][0-9]$", output.schedules["people"].calendar)) && can(regex("^[0-9]+ 3 \\* \\* \\*$", output.schedules["people"].cron))
    error_message = "people: ${jsonencode(output.schedules["people"])}"
  }
  assert {
    condition = alltrue([
      for name in ["sweep", "scrub", "usage", "people"] :
      contains([for f in yamldecode(output.cloud_init["1.2.0"]).write_files : f.path], "/etc/systemd/system/mucura-job-${name}.timer") &&
      contains(flatten(yamldecode(output.cloud_init["1.2.0"]).runcmd), "mucura-job-${name}.timer")
    ])
    error_message = "A job has no timer, or one that is not enabled."
  }
}

run "a_release_is_checked_by_its_sum" {
  command = plan

  variables {
    releases = [
      { version = "1.3.0", url = "https://releases.example.org/1.3.0/mucurad", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
      { version = "1.2.0", url = "https://releases.example.org/1.2.0/mucurad", sha256 = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210" },
    ]
  }

  assert {
    condition     = toset(keys(output.cloud_init)) == toset(["1.2.0", "1.3.0"]) && alltrue([for text in values(output.cloud_init) : startswith(text, "#cloud-config\n")])
    error_message = "There is not user data of each release."
  }
  assert {
    condition     = strcontains(output.cloud_init["1.3.0"], "0123456789abcdef0123456789abcdef") && !strcontains(output.cloud_init["1.2.0"], "0123456789abcdef0123456789abcdef")
    error_message = "The sums are mixed up."
  }
}

run "functions_get_what_they_have_use_for" {
  command = plan

  variables {
    shape        = "container"
    metadata_url = "redis://redis.example.org"
    content_url  = "swift://keystone.example.org:5000/v3?application-credential-id=abc"
    mail         = { server = "mail.example.org:587", from = "mucura@example.org", user = "mucura" }
    oidc_issuers = ["https://login.example.org client-id=mucura"]
  }

  assert {
    condition     = contains(output.secret_variables, "MUCURA_OIDC_SECRET") && !contains(output.withheld["registration"], "MUCURA_OIDC_SECRET")
    error_message = "Nobody knows the client secret: ${jsonencode(output.secret_variables)}"
  }
  assert {
    condition     = alltrue([for f in ["credentials", "registration"] : length(setsubtract(["MUCURA_CONTENT", "OS_APPLICATION_CREDENTIAL_SECRET", "MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY"], output.withheld[f])) == 0])
    error_message = "A function that moves no bytes gets what opens the content store: ${jsonencode(output.withheld)}"
  }
  assert {
    condition     = length(setintersection(output.withheld["registration"], ["MUCURA_METADATA", "MUCURA_SITE_KEY", "MUCURA_REDIS_PASSWORD", "MUCURA_SMTP_PASSWORD"])) == 0
    error_message = "A function does not get what it needs: ${jsonencode(output.withheld)}"
  }
  assert {
    condition     = output.withheld["sweep"] == toset(["MUCURA_OIDC_SECRET", "MUCURA_ROOT_ACCESS_KEY_ID", "MUCURA_ROOT_SECRET_ACCESS_KEY", "MUCURA_SMTP_PASSWORD"]) && !contains(keys(output.withheld), "gateway")
    error_message = "Jobs and the gateway need the contents: ${jsonencode(output.withheld)}"
  }
}

run "metadata_and_contents_in_one_riak" {
  command = plan

  variables {
    shape        = "container"
    metadata_url = "riak+https://mucura@r1.example.org:8098/?type=mucura"
    registry_url = "rediss://redis.example.org"
    content_url  = "riak+https://mucura@r1.example.org:8098/?type=mucura"
  }

  assert {
    condition     = contains(output.withheld["credentials"], "MUCURA_CONTENT") && !contains(output.withheld["credentials"], "MUCURA_RIAK_PASSWORD") && !contains(output.withheld["credentials"], "OS_APPLICATION_CREDENTIAL_SECRET")
    error_message = "The password of the metadata store is withheld: ${jsonencode(output.withheld)}"
  }
}
