mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }
  # What the real provider accepts where these are referred to.
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mucura" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:mucura" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/mucura/0123456789abcdef" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/mucura" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/mucura-data:1" }
  }
}

variables {
  image              = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mucura"
  ecr_repository_arn = "arn:aws:ecr:eu-west-1:123456789012:repository/mucura"
  release            = "1.2.0"
  settings           = { MUCURA_METADATA = "rediss://redis.example.org" }
  secrets = {
    MUCURA_SITE_KEY       = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/site-AbCdEf:site-key::"
    MUCURA_REDIS_PASSWORD = "arn:aws:ssm:eu-west-1:123456789012:parameter/mucura/redis"
  }
  vpc_id                     = "vpc-0123456789abcdef0"
  subnet_ids                 = ["subnet-03", "subnet-04"]
  balancer_security_group_id = "sg-0123456789abcdef0"
}

run "before" {
  command = apply

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].image == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mucura:1.2.0" && contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment, { name = "PORT", value = "8080" })
    error_message = "Image or port are wrong; without PORT the server would want to end TLS itself."
  }
  assert {
    condition = jsonencode([for s in jsondecode(aws_iam_role_policy.execution.policy).Statement : s.Resource if !startswith(s.Action[0], "logs:") && !startswith(s.Action[0], "ecr:")]) == jsonencode([
      ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/site-AbCdEf"],
      ["arn:aws:ssm:eu-west-1:123456789012:parameter/mucura/redis"],
    ])
    error_message = "ECS may read other secrets: ${aws_iam_role_policy.execution.policy}"
  }
  assert {
    condition     = contains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].secrets, { name = "MUCURA_SITE_KEY", valueFrom = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/site-AbCdEf:site-key::" })
    error_message = "The task does not get its secrets."
  }
  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].rollback && aws_ecs_service.this.deployment_minimum_healthy_percent == 100 && aws_ecs_service.this.network_configuration[0].assign_public_ip == false
    error_message = "A release that does not become healthy would stay, or tasks are public."
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.this.referenced_security_group_id == "sg-0123456789abcdef0" && aws_vpc_security_group_ingress_rule.this.from_port == 8080
    error_message = "Others than the balancer reach the tasks."
  }
  assert {
    condition     = aws_lb_target_group.this.health_check[0].path == "/-/live"
    error_message = "ECS would end all tasks, and what they transfer, while a store is away."
  }
}

run "upgrade" {
  command = apply

  variables {
    release = "1.3.0"
  }

  assert {
    condition     = output.image == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mucura:1.3.0" && output.target_group_arn == run.before.target_group_arn && output.service_name == run.before.service_name
    error_message = "More than the task definition changes."
  }
}

run "back" {
  command = apply

  assert {
    condition     = output.image == run.before.image && output.target_group_arn == run.before.target_group_arn
    error_message = "The way back is not the way there."
  }
}

run "a_public_image_needs_no_registry" {
  command = plan

  variables {
    image              = "registry.example.org/mucura"
    ecr_repository_arn = null
  }

  assert {
    condition     = length(jsondecode(aws_iam_role_policy.execution.policy).Statement) == 3
    error_message = "Roles may what nobody needs."
  }
}
