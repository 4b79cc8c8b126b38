# Which secrets the settings refer to, and who may read them.
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  scope = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"

  secret_names = distinct([for v in values(var.settings) : split("#", trimprefix(v, "aws-sm:"))[0] if startswith(v, "aws-sm:")])
  parameters   = distinct([for v in values(var.settings) : trimprefix(v, "aws-ssm:") if startswith(v, "aws-ssm:")])

  # An ARN of Secrets Manager ends in six random characters.
  read_secrets = concat(
    length(local.secret_names) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = [for n in local.secret_names : "arn:${data.aws_partition.current.partition}:secretsmanager:${local.scope}:secret:${n}-??????"]
    }],
    length(local.parameters) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["ssm:GetParameter"]
      Resource = [for p in local.parameters : "arn:${data.aws_partition.current.partition}:ssm:${local.scope}:parameter${p}"]
    }],
    var.kms_key_arn == null ? [] : [{
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.kms_key_arn]
    }],
  )
}
