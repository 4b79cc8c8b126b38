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
  hostname                  = "s3.example.org"
  auth_hostname             = "auth.example.org"
  web_hostname              = "files.example.org"
  redis_url                 = "rediss://redis.example.org"
  auth_url                  = "https://keystone.example.org:5000/v3"
  application_credential_id = "0123456789abcdef0123456789abcdef"
  region                    = "eu-west-1"
  vpc_id                    = "vpc-0123456789abcdef0"
  public_subnet_ids         = ["subnet-01", "subnet-02"]
  private_subnet_ids        = ["subnet-03", "subnet-04"]
  certificate_arn           = "arn:aws:acm:eu-west-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
  zone_id                   = "Z0123456789ABC"
  package_bucket            = "releases.example.org"
  repository                = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mucura"
  repository_arn            = "arn:aws:ecr:eu-west-1:123456789012:repository/mucura"
  secret_arn                = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/site-AbCdEf"
  content_secret_arn        = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mucura/contents-GhIjKl"
  release                   = "1.2.0"
}

run "plan" {
  command = plan

  assert {
    condition     = output.endpoint == "https://s3.example.org" && output.image == "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mucura:1.2.0"
    error_message = "Endpoint or image are wrong."
  }
  assert {
    condition     = module.functions.environment["MUCURA_CONTENT"] == "aws-sm:mucura/contents#content-url" && module.container.environment["MUCURA_CONTENT"] == "swift://keystone.example.org:5000/v3?application-credential-id=0123456789abcdef0123456789abcdef"
    error_message = "A function needs the whole URL by reference, the container a URL without secret."
  }
  assert {
    condition     = module.functions.environment["MUCURA_AUTH_TERMINATOR"] == "alb-event" && !contains(keys(module.container.environment), "MUCURA_AUTH_TERMINATOR")
    error_message = "Client certificates are believed where they can be made up."
  }
  assert {
    condition     = alltrue([for name in module.functions.secret_variables : can(regex("^aws-sm:", module.functions.environment[name]))])
    error_message = "A secret of the functions has no reference."
  }
}
