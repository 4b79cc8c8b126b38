data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  # ECS reads the secrets when it starts a task; the gateway itself may read none.
  secret_arns    = distinct([for a in values(var.secrets) : regex("^arn:[^:]+:secretsmanager:[^:]+:[^:]+:secret:[^:]+", a) if strcontains(a, ":secretsmanager:")])
  parameter_arns = distinct([for a in values(var.secrets) : a if strcontains(a, ":ssm:")])

  read_secrets = concat(
    length(local.secret_arns) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = local.secret_arns
    }],
    length(local.parameter_arns) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["ssm:GetParameters"]
      Resource = local.parameter_arns
    }],
    var.kms_key_arn == null ? [] : [{
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.kms_key_arn]
    }],
  )

  assume = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

# What ECS does to start a task: fetch its image, read its secrets, write its
# log.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-data-execution"
  assume_role_policy = local.assume
}

resource "aws_iam_role_policy" "execution" {
  name = "start"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
      }],
      var.ecr_repository_arn == null ? [] : [
        {
          Effect   = "Allow"
          Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
          Resource = [var.ecr_repository_arn]
        },
        {
          # This call knows no resource.
          Effect   = "Allow"
          Action   = ["ecr:GetAuthorizationToken"]
          Resource = ["*"]
        },
      ],
      local.read_secrets,
    )
  })
}

# The gateway itself calls nothing of AWS: its role may do nothing.
resource "aws_iam_role" "task" {
  name               = "${var.name}-data-task"
  assume_role_policy = local.assume
}
