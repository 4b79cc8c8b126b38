# Every rule of variables.tf refuses something. The last part of a run's name is the
# number of the rule.

variables {
  shape        = "daemon"
  hostname     = "s3.example.org"
  metadata_url = "redis://redis.example.org"
  content_url  = "swift://keystone.example.org:5000/v3"
}

run "rejects_shape_1" {
  command = plan

  variables {
    shape = "vm"
  }

  expect_failures = [var.shape]
}

run "rejects_hostname_1" {
  command = plan

  variables {
    hostname = "s3"
  }

  expect_failures = [var.hostname]
}

run "rejects_auth_hostname_1" {
  command = plan

  variables {
    auth_hostname = "Auth.example.org"
  }

  expect_failures = [var.auth_hostname]
}

run "rejects_auth_hostname_2" {
  command = plan

  variables {
    auth_hostname = "s3.example.org"
  }

  expect_failures = [var.auth_hostname]
}

run "rejects_web_hostname_1" {
  command = plan

  variables {
    web_hostname = "files_1.example.org"
  }

  expect_failures = [var.web_hostname]
}

run "rejects_web_hostname_2" {
  command = plan

  variables {
    web_hostname = "s3.example.org"
  }

  expect_failures = [var.web_hostname]
}

run "rejects_metadata_url_1" {
  command = plan

  variables {
    metadata_url = "sqlite:///var/lib/mucura/meta.db"
  }

  expect_failures = [var.metadata_url]
}

run "rejects_metadata_url_2" {
  command = plan

  variables {
    metadata_url = "redis://mucura:hunter2@redis.example.org"
  }

  expect_failures = [var.metadata_url]
}

run "rejects_content_url_1" {
  command = plan

  variables {
    content_url = "file:///srv"
  }

  expect_failures = [var.content_url]
}

run "rejects_content_url_2" {
  command = plan

  variables {
    content_url = "swift://keystone.example.org/v3?user=mucura&key=hunter2"
  }

  expect_failures = [var.content_url]
}

run "rejects_registry_url_1" {
  command = plan

  variables {
    registry_url = "riak://r1.example.org"
  }

  expect_failures = [var.registry_url]
}

run "rejects_registry_url_2" {
  command = plan

  variables {
    registry_url = "redis://:hunter2@redis.example.org"
  }

  expect_failures = [var.registry_url]
}

run "rejects_registry_url_3" {
  command = plan

  variables {
    metadata_url = "riak://r1.example.org:8098/?type=mucura"
  }

  expect_failures = [var.registry_url]
}

run "rejects_operators_1" {
  command = plan

  variables {
    operators = ["ada"]
  }

  expect_failures = [var.operators]
}

run "rejects_approve_1" {
  command = plan

  variables {
    approve = ["everybody"]
  }

  expect_failures = [var.approve]
}

run "rejects_oidc_issuers_1" {
  command = plan

  variables {
    oidc_issuers = ["http://login.example.org client-id=x"]
  }

  expect_failures = [var.oidc_issuers]
}

run "rejects_quotas_1" {
  command = plan

  variables {
    quotas = { default = "lots" }
  }

  expect_failures = [var.quotas]
}

run "rejects_mail_1" {
  command = plan

  variables {
    mail = { server = "mail.example.org", from = "mucura@example.org" }
  }

  expect_failures = [var.mail]
}

run "rejects_mail_2" {
  command = plan

  variables {
    mail = { server = "mail.example.org:587", from = "mucura" }
  }

  expect_failures = [var.mail]
}

run "rejects_tls_1" {
  command = plan

  variables {
    tls = { mode = "off" }
  }

  expect_failures = [var.tls]
}

run "rejects_tls_2" {
  command = plan

  variables {
    tls = { acme_directory = "http://acme.example.org" }
  }

  expect_failures = [var.tls]
}

run "rejects_grid_1" {
  command = plan

  variables {
    auth_hostname = "auth.example.org"
    grid          = { trust = "certificates" }
  }

  expect_failures = [var.grid]
}

run "rejects_grid_2" {
  command = plan

  variables {
    auth_hostname = "auth.example.org"
    grid          = { trust = "/etc/grid-security/trust.tgz", vomsdir = "/etc/grid-security/vomsdir" }
  }

  expect_failures = [var.grid]
}

run "rejects_grid_3" {
  command = plan

  variables {
    shape         = "lambda"
    auth_hostname = "auth.example.org"
    grid          = { trust = "/etc/grid-security/certificates" }
  }

  expect_failures = [var.grid]
}

run "rejects_grid_4" {
  command = plan

  variables {
    grid = { trust = "/etc/grid-security/certificates" }
  }

  expect_failures = [var.grid]
}

run "rejects_balancer_cidrs_1" {
  command = plan

  variables {
    balancer_cidrs = ["10.0.0.300/24"]
  }

  expect_failures = [var.balancer_cidrs]
}

run "rejects_balancer_cidrs_2" {
  command = plan

  variables {
    balancer_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.balancer_cidrs]
}

run "rejects_ports_1" {
  command = plan

  variables {
    ports = { https = 70000 }
  }

  expect_failures = [var.ports]
}

run "rejects_ports_2" {
  command = plan

  variables {
    ports = { https = 9001 }
  }

  expect_failures = [var.ports]
}

run "rejects_jobs_1" {
  command = plan

  variables {
    jobs = { "Sweep!" = { every_minutes = 10 } }
  }

  expect_failures = [var.jobs]
}

run "rejects_jobs_2" {
  command = plan

  variables {
    jobs = { sweep = { every_minutes = 7 } }
  }

  expect_failures = [var.jobs]
}

run "rejects_jobs_3" {
  command = plan

  variables {
    jobs = { sweep = { every_minutes = 10, budget = "long" } }
  }

  expect_failures = [var.jobs]
}

run "rejects_secret_references_1" {
  command = plan

  variables {
    secret_references = { MUCURA_ROOT_SECRET_ACCESS_KEY = "hunter2" }
  }

  expect_failures = [var.secret_references]
}

run "rejects_releases_1" {
  command = plan

  variables {
    releases = [{ version = "1 2" }]
  }

  expect_failures = [var.releases]
}

run "rejects_releases_2" {
  command = plan

  variables {
    releases = [{ version = "1.2.0", url = "https://releases.example.org/mucurad", sha256 = "abc" }]
  }

  expect_failures = [var.releases]
}

run "rejects_releases_3" {
  command = plan

  variables {
    releases = [{ version = "1.2.0" }, { version = "1.2.0" }]
  }

  expect_failures = [var.releases]
}

run "rejects_extra_settings_1" {
  command = plan

  variables {
    extra_settings = { REGION = "eu" }
  }

  expect_failures = [var.extra_settings]
}

run "rejects_extra_settings_2" {
  command = plan

  variables {
    extra_settings = { MUCURA_SMTP_PASSWORD = "hunter2" }
  }

  expect_failures = [var.extra_settings]
}
