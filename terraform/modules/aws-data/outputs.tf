output "target_group_arn" {
  description = "Target group, for module aws-control."
  value       = aws_lb_target_group.this.arn
}

output "security_group_id" {
  description = "Security group of the tasks, for module aws-control, and to let them into the stores."
  value       = aws_security_group.this.id
}

output "image" {
  description = "Image that runs."
  value       = local.reference
}

output "service_name" {
  description = "ECS service."
  value       = aws_ecs_service.this.name
}
