mock_provider "kubernetes" {}

variables {
  namespace        = "mucura"
  image            = "registry.example.org/mucura"
  release          = "1.2.0"
  settings         = { MUCURA_METADATA = "redis://redis.example.org" }
  secret_name      = "mucura"
  secret_variables = ["MUCURA_ROOT_SECRET_ACCESS_KEY"]
  withheld         = { sweep = ["MUCURA_ROOT_SECRET_ACCESS_KEY"] }
  hostnames        = { s3 = "s3.example.org" }
  schedules        = { sweep = { budget = "90s", cron = "9-59/10 * * * *" } }
}

run "before" {
  command = apply

  assert {
    condition     = kubernetes_deployment_v1.this.spec[0].strategy[0].rolling_update[0].max_unavailable == "0" && kubernetes_deployment_v1.this.spec[0].replicas == "2"
    error_message = "A server ends before its successor is ready."
  }
  assert {
    condition     = [for e in kubernetes_deployment_v1.this.spec[0].template[0].spec[0].container[0].env : e.name] == ["PORT", "MUCURA_METADATA", "MUCURA_ROOT_SECRET_ACCESS_KEY"] && kubernetes_deployment_v1.this.spec[0].template[0].spec[0].container[0].env[0].value == "" && kubernetes_deployment_v1.this.spec[0].template[0].spec[0].container[0].env[2].value_from[0].secret_key_ref[0].name == "mucura"
    error_message = "The environment is wrong; with PORT in it there would be no TLS."
  }
  assert {
    condition     = [for p in kubernetes_service_v1.this.spec[0].port : "${p.port}>${p.target_port}"] == ["443>https"]
    error_message = "More than S3 is open: ${jsonencode(kubernetes_service_v1.this.spec[0].port)}"
  }
  assert {
    condition     = kubernetes_service_v1.this.spec[0].external_traffic_policy == "Local" && kubernetes_deployment_v1.this.spec[0].template[0].spec[0].container[0].readiness_probe[0].http_get[0].path == "/-/ready"
    error_message = "Clients' addresses get lost, or servers get requests before they are ready."
  }
  assert {
    condition     = kubernetes_cron_job_v1.job["sweep"].spec[0].job_template[0].spec[0].active_deadline_seconds == 210
    error_message = "The job is not bounded by its budget."
  }
  assert {
    condition     = kubernetes_cron_job_v1.job["sweep"].spec[0].job_template[0].spec[0].template[0].spec[0].container[0].args == tolist(["sweep", "--budget", "90s"]) && [for e in kubernetes_cron_job_v1.job["sweep"].spec[0].job_template[0].spec[0].template[0].spec[0].container[0].env : e.name] == ["MUCURA_METADATA"]
    error_message = "The job does not know its budget, or gets the administrator's pair."
  }
}

run "upgrade" {
  command = apply

  variables {
    release = "1.3.0"
  }

  assert {
    condition     = output.image == "registry.example.org/mucura:1.3.0" && kubernetes_deployment_v1.this.id == run.before.deployment_id && kubernetes_service_v1.this.id == run.before.service_id
    error_message = "Deployment or Service were replaced: connections would break and the address change."
  }
}

run "back" {
  command = apply

  assert {
    condition     = output.image == run.before.image && kubernetes_deployment_v1.this.id == run.before.deployment_id
    error_message = "The way back replaces the Deployment."
  }
}

run "pages_and_certificates" {
  command = plan

  variables {
    hostnames           = { s3 = "s3.example.org", auth = "auth.example.org", web = "files.example.org" }
    trust_claim         = "grid-security"
    load_balancer_class = "example.org/tcp"
  }

  assert {
    condition     = [for p in kubernetes_service_v1.this.spec[0].port : "${p.port}>${p.target_port}"] == ["443>https", "9443>web"]
    error_message = "The pages have no port."
  }
  assert {
    condition     = contains([for m in kubernetes_deployment_v1.this.spec[0].template[0].spec[0].container[0].volume_mount : m.mount_path], "/etc/grid-security")
    error_message = "The trust anchors are not mounted."
  }
}
