output "endpoint" {
  description = "URL of the S3 endpoint."
  value       = "https://${var.hostnames["s3"]}"
}

output "load_balancer" {
  description = "Address or name of the load balancer, for the DNS records of all host names. Null until the cluster has given one."
  value       = try(coalesce(kubernetes_service_v1.this.status[0].load_balancer[0].ingress[0].ip, kubernetes_service_v1.this.status[0].load_balancer[0].ingress[0].hostname), null)
}

output "image" {
  description = "Image that runs."
  value       = local.reference
}

output "cron_jobs" {
  description = "CronJobs by job."
  value       = { for name, job in kubernetes_cron_job_v1.job : name => job.metadata[0].name }
}

output "deployment_id" {
  description = "The Deployment."
  value       = kubernetes_deployment_v1.this.id
}

output "service_id" {
  description = "The Service."
  value       = kubernetes_service_v1.this.id
}
