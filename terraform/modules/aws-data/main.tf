# The data plane: the gateway as a container that streams bodies both ways.
locals {
  port      = 8080
  separator = startswith(var.release, "sha256:") ? "@" : ":"
  reference = "${var.image}${local.separator}${var.release}"
}

resource "aws_ecs_cluster" "this" {
  name = var.name
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/ecs/${var.name}-data"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.name}-data"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = tostring(var.cpu)
  memory                   = tostring(var.memory_mb)
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = upper(var.architecture)
  }

  # Old definitions stay, so that going back finds them.
  skip_destroy = true

  container_definitions = jsonencode([{
    name         = "gateway"
    image        = local.reference
    entryPoint   = ["gateway"]
    essential    = true
    user         = "65534"
    stopTimeout  = 60
    portMappings = [{ containerPort = local.port, protocol = "tcp" }]
    # In the order of their names, as ECS gives them back.
    environment = [for name, value in merge(var.settings, { PORT = tostring(local.port) }) : { name = name, value = value }]
    secrets     = [for name, arn in var.secrets : { name = name, valueFrom = arn }]
    linuxParameters = {
      capabilities = { drop = ["ALL"] }
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.region
        awslogs-stream-prefix = "gateway"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name            = "${var.name}-data"
  cluster         = aws_ecs_cluster.this.arn
  task_definition = aws_ecs_task_definition.this.arn
  desired_count   = var.tasks
  launch_type     = "FARGATE"

  # New tasks are healthy before old ones end; when they never become so, ECS
  # goes back to those that were.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60
  wait_for_steady_state              = true

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [aws_security_group.this.id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this.arn
    container_name   = "gateway"
    container_port   = local.port
  }
}

resource "aws_lb_target_group" "this" {
  name        = "${var.name}-data"
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = local.port
  # Transfers under way end in this time.
  deregistration_delay          = "60"
  load_balancing_algorithm_type = "least_outstanding_requests"

  # Not /-/ready: ECS ends tasks that are not healthy, and while a store is away
  # that would cut every transfer and help nobody. A task listens once its stores
  # are open, and ends by itself when they cannot be.
  health_check {
    path                = "/-/live"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_security_group" "this" {
  name        = "${var.name}-data"
  description = "Servers of ${var.name} that stream bodies"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "Load balancer"
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
  referenced_security_group_id = var.balancer_security_group_id
}

resource "aws_vpc_security_group_egress_rule" "this" {
  security_group_id = aws_security_group.this.id
  description       = "Stores, Keystone, secrets"
  ip_protocol       = "tcp"
  from_port         = 1
  to_port           = 65535
  cidr_ipv4         = "0.0.0.0/0"
}
