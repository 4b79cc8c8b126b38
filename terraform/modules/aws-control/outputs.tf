output "endpoint" {
  description = "URL of the S3 endpoint."
  value       = "https://${var.hostnames["s3"]}"
}

output "function_arns" {
  description = "Aliases that serve, by function."
  value       = { for f, a in aws_lambda_alias.live : f => a.arn }
}

output "listener_arn" {
  description = "The listener, for rules of your own."
  value       = aws_lb_listener.https.arn
}

output "balancer_security_group_id" {
  description = "Security group of the load balancer, for module aws-data."
  value       = aws_security_group.balancer.id
}

output "function_security_group_id" {
  description = "Security group of the functions, to let them into the stores."
  value       = aws_security_group.function.id
}

output "balancer_dns_name" {
  description = "Name of the load balancer, for DNS records that are kept elsewhere."
  value       = aws_lb.this.dns_name
}
