output "endpoint" {
  description = "URL of the S3 endpoint."
  value       = module.control.endpoint
}

output "balancer_dns_name" {
  description = "Name of the load balancer."
  value       = module.control.balancer_dns_name
}

output "image" {
  description = "Image of the data plane."
  value       = module.data.image
}

output "let_in" {
  description = "Security groups to let into Redis and the way to Swift: of the functions and of the tasks."
  value       = [module.control.function_security_group_id, module.data.security_group_id]
}
