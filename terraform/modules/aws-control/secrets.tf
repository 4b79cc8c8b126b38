# Which secrets the settings refer to, and who may read them.
data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  scope = "${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}"

  secret_names = { for f, s in local.settings : f => distinct([for v in values(s) : split("#", trimprefix(v, "aws-sm:"))[0] if startswith(v, "aws-sm:")]) }
  parameters   = { for f, s in local.settings : f => distinct([for v in values(s) : trimprefix(v, "aws-ssm:") if startswith(v, "aws-ssm:")]) }

  # By function. An ARN of Secrets Manager ends in six random characters.
  read_secrets = { for f in local.functions : f => concat(
    length(local.secret_names[f]) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = [for n in local.secret_names[f] : "arn:${data.aws_partition.current.partition}:secretsmanager:${local.scope}:secret:${n}-??????"]
    }],
    length(local.parameters[f]) == 0 ? [] : [{
      Effect   = "Allow"
      Action   = ["ssm:GetParameter"]
      Resource = [for p in local.parameters[f] : "arn:${data.aws_partition.current.partition}:ssm:${local.scope}:parameter${p}"]
    }],
    var.kms_key_arn == null ? [] : [{
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = [var.kms_key_arn]
    }],
  ) }
}
