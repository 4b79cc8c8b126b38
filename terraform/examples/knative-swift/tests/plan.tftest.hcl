mock_provider "kubernetes" {}

variables {
  hostname                  = "s3.example.org"
  auth_hostname             = "auth.example.org"
  web_hostname              = "files.example.org"
  redis_url                 = "rediss://redis.example.org"
  auth_url                  = "https://keystone.example.org:5000/v3"
  application_credential_id = "0123456789abcdef0123456789abcdef"
  image                     = "registry.example.org/mucura"
  release                   = "1.2.0"
}

run "plan" {
  command = plan

  assert {
    condition     = output.endpoint == "https://s3.example.org" && keys(module.functions.service_names) == ["credentials", "gateway", "registration"]
    error_message = "The functions are not those with a host name."
  }
  assert {
    condition     = module.config.environment["MUCURA_CONTENT"] == "swift://keystone.example.org:5000/v3?application-credential-id=0123456789abcdef0123456789abcdef" && keys(module.functions.cron_jobs) == ["scrub", "sweep"]
    error_message = "The settings are ${jsonencode(module.config.environment)}"
  }
}

run "an_upgrade_changes_images_only" {
  command = plan

  variables {
    release = "1.3.0"
  }

  assert {
    condition     = output.image == "registry.example.org/mucura:1.3.0"
    error_message = "The image is not that of the release."
  }
}
