output "environment" {
  description = "Settings by environment variable. None of them is secret; references to secrets are."
  value       = tomap(local.environment)
}

output "secret_variables" {
  description = "Names of the variables that the servers need besides and that are secret; for the site key see the README."
  value       = toset([for name, needed in local.secrets : name if needed])
}

output "withheld" {
  description = "By function, the variables that it has no use for and that give access; module knative and others leave them out."
  value       = { for function, names in local.withheld : function => toset(names) }
}

output "schedules" {
  description = "The jobs: budget of a run, and when they run for EventBridge (`rate`), Kubernetes (`cron`) and systemd (`calendar`)."
  value       = local.schedules
}

output "cloud_init" {
  description = "User data by version, for each of the releases (shape `daemon`). It holds no secret."
  value       = tomap(local.cloud_init)
}

output "ports" {
  description = "Where a daemon listens: https, web and admin."
  value       = var.ports
}

output "hostnames" {
  description = "Host names of the S3 endpoint (`s3`) and, where they are set, of the authentication server (`auth`) and the pages (`web`)."
  value       = { for name, host in { s3 = var.hostname, auth = var.auth_hostname, web = var.web_hostname } : name => host if host != null }
}
