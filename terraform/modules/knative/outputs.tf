output "url" {
  description = "URL of the S3 endpoint."
  value       = "https://${var.hostnames["s3"]}"
}

output "service_names" {
  description = "Knative Services by function."
  value       = { for f, s in kubernetes_manifest.service : f => s.manifest.metadata.name }
}

output "image" {
  description = "Image that runs."
  value       = local.reference
}

output "cron_jobs" {
  description = "CronJobs by job."
  value       = { for name, job in kubernetes_cron_job_v1.job : name => job.metadata[0].name }
}
