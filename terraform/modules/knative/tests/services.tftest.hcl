mock_provider "kubernetes" {}

variables {
  namespace        = "mucura"
  image            = "registry.example.org/mucura"
  release          = "1.2.0"
  settings         = { MUCURA_CONTENT = "swift://keystone.example.org/v3", MUCURA_METADATA = "redis://redis.example.org" }
  secret_name      = "mucura"
  secret_variables = ["MUCURA_ROOT_SECRET_ACCESS_KEY", "OS_APPLICATION_CREDENTIAL_SECRET"]
  withheld = {
    credentials  = ["MUCURA_CONTENT", "MUCURA_ROOT_SECRET_ACCESS_KEY", "OS_APPLICATION_CREDENTIAL_SECRET"]
    registration = ["MUCURA_CONTENT", "MUCURA_ROOT_SECRET_ACCESS_KEY", "OS_APPLICATION_CREDENTIAL_SECRET"]
    sweep        = ["MUCURA_ROOT_SECRET_ACCESS_KEY"]
  }
  hostnames = { s3 = "s3.example.org", auth = "auth.example.org", web = "files.example.org" }
  schedules = { sweep = { budget = "8m", cron = "9-59/10 * * * *" } }
}

run "before" {
  command = apply

  assert {
    condition     = output.url == "https://s3.example.org" && output.service_names == { gateway = "mucura-gateway", credentials = "mucura-credentials", registration = "mucura-registration" }
    error_message = "The services are ${jsonencode(output.service_names)}"
  }
  assert {
    condition     = { for f, d in kubernetes_manifest.domain : f => d.manifest.metadata.name } == { gateway = "s3.example.org", credentials = "auth.example.org", registration = "files.example.org" }
    error_message = "A function has another's host name."
  }
  assert {
    condition = kubernetes_manifest.service["gateway"].manifest.spec.template.spec.containers[0].env == [
      { name = "MUCURA_CONTENT", value = "swift://keystone.example.org/v3" },
      { name = "MUCURA_METADATA", value = "redis://redis.example.org" },
      { name = "MUCURA_ROOT_SECRET_ACCESS_KEY", valueFrom = { secretKeyRef = { name = "mucura", key = "MUCURA_ROOT_SECRET_ACCESS_KEY" } } },
      { name = "OS_APPLICATION_CREDENTIAL_SECRET", valueFrom = { secretKeyRef = { name = "mucura", key = "OS_APPLICATION_CREDENTIAL_SECRET" } } },
    ]
    error_message = "A secret is not a reference, or the gateway does not get all."
  }
  assert {
    condition     = alltrue([for f in ["credentials", "registration"] : [for e in kubernetes_manifest.service[f].manifest.spec.template.spec.containers[0].env : e.name] == ["MUCURA_METADATA"]])
    error_message = "A function that moves no bytes gets what opens the content store."
  }
  assert {
    condition     = [for e in kubernetes_cron_job_v1.job["sweep"].spec[0].job_template[0].spec[0].template[0].spec[0].container[0].env : e.name] == ["MUCURA_CONTENT", "MUCURA_METADATA", "OS_APPLICATION_CREDENTIAL_SECRET"]
    error_message = "A job gets the administrator's pair, or not what it needs."
  }
  assert {
    condition     = alltrue([for s in kubernetes_manifest.service : length(s.manifest.spec.template.spec.volumes) == 1 && length(s.manifest.spec.template.spec.containers[0].volumeMounts) == 1])
    error_message = "There are volumes that nobody asked for."
  }
  assert {
    condition     = kubernetes_manifest.service["gateway"].manifest.spec.template.spec.containers[0].image == "registry.example.org/mucura:1.2.0" && kubernetes_manifest.service["gateway"].manifest.spec.template.spec.timeoutSeconds == 600
    error_message = "Image or timeout are wrong."
  }
  assert {
    condition     = kubernetes_cron_job_v1.job["sweep"].spec[0].job_template[0].spec[0].template[0].spec[0].container[0].args == tolist(["sweep", "--budget", "8m"]) && kubernetes_cron_job_v1.job["sweep"].spec[0].job_template[0].spec[0].template[0].spec[0].container[0].command == tolist(["sweep"]) && kubernetes_cron_job_v1.job["sweep"].spec[0].job_template[0].spec[0].active_deadline_seconds == 600
    error_message = "The job is not run, or not bounded."
  }
}

run "authorities_are_mounted" {
  command = plan

  variables {
    trust_config_map = "grid-trust"
  }

  assert {
    condition     = kubernetes_manifest.service["credentials"].manifest.spec.template.spec.volumes[1].configMap.name == "grid-trust" && kubernetes_manifest.service["credentials"].manifest.spec.template.spec.containers[0].volumeMounts[1].mountPath == "/etc/grid-security"
    error_message = "The trusted authorities are not where grid of module config finds them."
  }
}

run "upgrade_by_digest" {
  command = apply

  variables {
    release = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  }

  assert {
    condition     = kubernetes_manifest.service["gateway"].manifest.spec.template.spec.containers[0].image == "registry.example.org/mucura@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    error_message = "The image is not that of the digest."
  }
  assert {
    condition     = output.service_names == run.before.service_names && output.cron_jobs == run.before.cron_jobs
    error_message = "An upgrade renames nothing: Knative moves the traffic within the Service."
  }
}

run "back_is_where_it_was" {
  command = apply

  assert {
    condition     = output.image == run.before.image
    error_message = "The image is not that from before."
  }
}

run "the_gateway_alone" {
  command = plan

  variables {
    hostnames = { s3 = "s3.example.org" }
  }

  assert {
    condition     = keys(output.service_names) == ["gateway"] && kubernetes_manifest.service["gateway"].manifest.spec.template.spec.containers[0].command == ["gateway"]
    error_message = "There is more than the gateway."
  }
}
