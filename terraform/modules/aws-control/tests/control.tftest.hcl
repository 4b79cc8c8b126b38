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
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/mucura/0123456789abcdef", dns_name = "mucura.eu-west-1.elb.amazonaws.com", zone_id = "Z32O12XQLNTSW2" }
  }
  mock_resource "aws_lb_listener" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/mucura/0123456789abcdef/0123456789abcdef" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:mucura", version = "1" }
  }
  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:mucura:live" }
  }
}

variables {
  package_bucket = "releases.example.org"
  release        = "1.2.0"
  settings       = { MUCURA_CONTENT = "aws-sm:mucura/contents#url", MUCURA_METADATA = "aws-ssm:/mucura/metadata", MUCURA_ROOT_SECRET_ACCESS_KEY = "aws-sm:mucura/site#root", MUCURA_REGION = "eu" }
  withheld = {
    credentials  = ["MUCURA_CONTENT", "MUCURA_ROOT_SECRET_ACCESS_KEY"]
    registration = ["MUCURA_CONTENT", "MUCURA_ROOT_SECRET_ACCESS_KEY"]
    sweep        = ["MUCURA_ROOT_SECRET_ACCESS_KEY"]
  }
  schedules              = { sweep = { budget = "8m", rate = "rate(10 minutes)" } }
  hostnames              = { s3 = "s3.example.org", auth = "auth.example.org", web = "files.example.org" }
  certificate_arn        = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
  zone_id                = "Z0123456789ABC"
  vpc_id                 = "vpc-0123456789abcdef0"
  public_subnet_ids      = ["subnet-01", "subnet-02"]
  private_subnet_ids     = ["subnet-03", "subnet-04"]
  data_target_group_arn  = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/mucura-data/0123456789abcdef"
  data_security_group_id = "sg-0123456789abcdef0"
}

run "before" {
  command = apply

  assert {
    condition     = toset(keys(output.function_arns)) == toset(["gateway", "credentials", "registration", "sweep"]) && aws_lambda_function.this["gateway"].s3_key == "mucura/1.2.0/gateway-arm64.zip"
    error_message = "The functions are not those of make functions."
  }
  assert {
    condition = jsonencode([for s in jsondecode(aws_iam_role_policy.function["gateway"].policy).Statement : s.Resource if contains(s.Action, "secretsmanager:GetSecretValue") || contains(s.Action, "ssm:GetParameter")]) == jsonencode([
      ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/contents-??????", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/site-??????"],
      ["arn:aws:ssm:eu-west-1:123456789012:parameter/mucura/metadata"],
    ])
    error_message = "The function may read other secrets than its own: ${aws_iam_role_policy.function["gateway"].policy}"
  }
  assert {
    condition = alltrue([for f in ["credentials", "registration"] : (
      !strcontains(aws_iam_role_policy.function[f].policy, "secretsmanager") && strcontains(aws_iam_role_policy.function[f].policy, "parameter/mucura/metadata") &&
      join(" ", keys(aws_lambda_function.this[f].environment[0].variables)) == "MUCURA_METADATA MUCURA_REGION"
    )])
    error_message = "A function that moves no bytes may open the content store: ${aws_iam_role_policy.function["credentials"].policy}"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.function["sweep"].policy, "secret:mucura/contents-") && !strcontains(aws_iam_role_policy.function["sweep"].policy, "secret:mucura/site-")
    error_message = "Jobs may read the administrator's pair, or not the contents: ${aws_iam_role_policy.function["sweep"].policy}"
  }
  assert {
    condition     = alltrue([for p in aws_iam_role_policy.function : alltrue([for s in jsondecode(p.policy).Statement : !contains(s.Resource, "*") || alltrue([for a in s.Action : startswith(a, "ec2:")]) if s.Effect == "Allow"])])
    error_message = "A role reaches everything."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.scheduler.policy).Statement[0].Resource == [aws_lambda_alias.live["sweep"].arn] && jsondecode(aws_scheduler_schedule.job["sweep"].target[0].input) == { budget = "8m", job = "sweep" }
    error_message = "The scheduler may invoke more than the jobs, or does not name the job."
  }
  assert {
    condition     = aws_lb.this.enable_http2 == false && aws_lb.this.drop_invalid_header_fields == false && aws_lb_listener.https.mutual_authentication[0].mode == "passthrough"
    error_message = "The balancer breaks uploads, metadata headers or grid proxies."
  }
  assert {
    condition     = alltrue([for g in aws_lb_target_group.function : g.target_type == "lambda" && g.lambda_multi_value_headers_enabled])
    error_message = "Of headers of one name only the last would arrive."
  }
  assert {
    condition = (
      aws_lb_listener_rule.write.action[0].target_group_arn == var.data_target_group_arn &&
      aws_lb_listener_rule.read.action[0].target_group_arn == var.data_target_group_arn &&
      aws_lb_listener_rule.api.priority < aws_lb_listener_rule.write.priority &&
      aws_lb_listener_rule.read.priority < aws_lb_listener_rule.host["gateway"].priority
    )
    error_message = "Bodies would go to the functions, or the API to the data plane."
  }
  assert {
    condition     = length(aws_route53_record.this) == 3
    error_message = "A host name has no record."
  }
}

run "upgrade" {
  command = apply

  variables {
    release = "1.3.0"
  }

  assert {
    condition     = aws_lambda_function.this["gateway"].s3_key == "mucura/1.3.0/gateway-arm64.zip" && aws_lambda_function.this["gateway"].publish
    error_message = "The new package is not published."
  }
  assert {
    condition     = output.function_arns == run.before.function_arns && output.listener_arn == run.before.listener_arn
    error_message = "Aliases or listener were replaced; an upgrade moves the aliases only."
  }
}

run "back" {
  command = apply

  assert {
    condition     = aws_lambda_function.this["gateway"].s3_key == "mucura/1.2.0/gateway-arm64.zip" && output.function_arns == run.before.function_arns
    error_message = "The way back is not the way there."
  }
}

run "nobody_is_asked_for_certificates_without_need" {
  command = plan

  variables {
    hostnames = { s3 = "s3.example.org" }
    zone_id   = null
  }

  assert {
    condition     = length(aws_lb_listener.https.mutual_authentication) == 0 && length(aws_route53_record.this) == 0 && !contains(keys(output.function_arns), "credentials")
    error_message = "There is an authentication server without host name."
  }
}
