locals {
  # Which function answers under which of the host names; sweep answers nobody.
  hosts     = { gateway = "s3", credentials = "auth", registration = "web" }
  front     = { for f, host in local.hosts : f => var.hostnames[host] if contains(keys(var.hostnames), host) }
  functions = toset(concat(keys(local.front), ["sweep"]))

  # A function gets what it has use for, and may read what that refers to.
  settings = { for f in local.functions : f => { for name, value in var.settings : name => value if !contains(lookup(var.withheld, f, []), name) } }

  arch = { arm64 = "arm64", x86_64 = "amd64" }[var.architecture]
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name = "${var.name}-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name = "run"
  role = aws_iam_role.function[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Effect   = "Allow"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
        },
        {
          # Lambda itself makes the interfaces in the VPC; these calls know no resource.
          Effect   = "Allow"
          Action   = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
          Resource = ["*"]
        },
        {
          # The code of a function needs none of them.
          Effect    = "Deny"
          Action    = ["ec2:*"]
          Resource  = ["*"]
          Condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:${data.aws_partition.current.partition}:lambda:${local.scope}:function:${var.name}-${each.key}"] } }
        },
      ],
      local.read_secrets[each.key],
    )
  })
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name = "${var.name}-${each.key}"
  role          = aws_iam_role.function[each.key].arn
  s3_bucket     = var.package_bucket
  s3_key        = "${var.package_prefix}/${var.release}/${each.key}-${local.arch}.zip"
  handler       = "bootstrap"
  runtime       = "provided.al2023"
  architectures = [var.architecture]
  memory_size   = var.memory_mb
  # The load balancer's idle timeout is longer; jobs end by themselves.
  timeout = each.key == "sweep" ? 900 : 60
  publish = true

  environment {
    variables = local.settings[each.key]
  }

  vpc_config {
    subnet_ids         = var.private_subnet_ids
    security_group_ids = [aws_security_group.function.id]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function[each.key].name
  }

  depends_on = [aws_iam_role_policy.function]
}

# What serves. A version that is published stays, so going back is quick.
resource "aws_lambda_alias" "live" {
  for_each = local.functions

  name             = "live"
  function_name    = aws_lambda_function.this[each.key].function_name
  function_version = aws_lambda_function.this[each.key].version
}

resource "aws_security_group" "function" {
  name        = "${var.name}-function"
  description = "Functions of ${var.name}: nobody connects to them"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "function" {
  security_group_id = aws_security_group.function.id
  description       = "Stores, Keystone, secrets"
  ip_protocol       = "tcp"
  from_port         = 1
  to_port           = 65535
  cidr_ipv4         = "0.0.0.0/0"
}
