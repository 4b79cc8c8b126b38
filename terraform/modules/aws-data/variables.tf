variable "name" {
  description = "What the names of all resources begin with."
  type        = string
  default     = "mucura"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "The name consists of at most 20 small letters, digits and hyphens, a letter first."
  }
}

variable "image" {
  description = "Image of the functions without tag, where you have put what `make functions` makes; ECS reaches it."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$", var.image))
    error_message = "The image has a registry and no tag, such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com/mucura."
  }
}

variable "ecr_repository_arn" {
  description = "ECR repository of the image, to be read from. Null for a public registry."
  type        = string
  default     = null

  validation {
    condition     = var.ecr_repository_arn == null || can(regex("^arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/.+$", var.ecr_repository_arn))
    error_message = "The ecr_repository_arn must be the ARN of a repository."
  }
}

variable "release" {
  description = "Version that runs: the tag of the image, or `sha256:` and a digest. Changing it starts new tasks before old ones end; when they do not become healthy ECS goes back by itself."
  type        = string

  validation {
    condition     = can(regex("^(sha256:[0-9a-f]{64}|[A-Za-z0-9_][A-Za-z0-9._-]{0,127})$", var.release)) && var.release != "latest"
    error_message = "The release must be a tag other than latest, or sha256: and 64 hexadecimal digits."
  }
}

variable "architecture" {
  description = "`arm64` (cheaper) or `x86_64`."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture must be arm64 or x86_64."
  }
}

variable "settings" {
  description = "Settings by environment variable, from module config with shape `container`. None is secret."
  type        = map(string)

  validation {
    condition     = alltrue([for n in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", n))])
    error_message = "The settings are named like environment variables."
  }
}

variable "secrets" {
  description = "Secret variables, `MUCURA_SITE_KEY` and those of module config, by where ECS finds them: the full ARN of a secret in Secrets Manager, with `:KEY::` behind it for a member of a JSON object, or of a parameter."
  type        = map(string)

  validation {
    condition     = alltrue([for a in values(var.secrets) : can(regex("^arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}(:[A-Za-z0-9_.-]+::)?|ssm:[a-z0-9-]+:[0-9]{12}:parameter/[A-Za-z0-9/_.-]+)$", a))])
    error_message = "Each of the secrets is the ARN of a secret or a parameter, never the secret."
  }
  validation {
    condition     = contains(keys(var.secrets), "MUCURA_SITE_KEY")
    error_message = "The secrets have MUCURA_SITE_KEY: all servers of a site need the same."
  }
}

variable "vpc_id" {
  description = "VPC of everything."
  type        = string

  validation {
    condition     = can(regex("^vpc-[0-9a-f]+$", var.vpc_id))
    error_message = "The vpc_id must look like vpc-0123456789abcdef0."
  }
}

variable "subnet_ids" {
  description = "Subnets of the tasks, with a way to the stores."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 1 && alltrue([for s in var.subnet_ids : can(regex("^subnet-[0-9a-f]+$", s))])
    error_message = "The subnet_ids are at least one, like subnet-0123456789abcdef0."
  }
}

variable "balancer_security_group_id" {
  description = "Security group of the load balancer, from module aws-control: nobody else reaches the tasks."
  type        = string

  validation {
    condition     = can(regex("^sg-[0-9a-f]+$", var.balancer_security_group_id))
    error_message = "The balancer_security_group_id must look like sg-0123456789abcdef0."
  }
}

variable "tasks" {
  description = "Tasks that run."
  type        = number
  default     = 2

  validation {
    condition     = var.tasks == floor(var.tasks) && var.tasks >= 1 && var.tasks <= 100
    error_message = "There are between 1 and 100 tasks."
  }
}

variable "cpu" {
  description = "CPU of a task, in units of 1/1024 vCPU."
  type        = number
  default     = 1024

  validation {
    condition     = contains([256, 512, 1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "The cpu must be a size that Fargate knows, such as 1024."
  }
}

variable "memory_mb" {
  description = "Memory of a task, MiB; Fargate wants two to eight times the CPU units."
  type        = number
  default     = 2048

  validation {
    condition     = var.memory_mb >= 2 * var.cpu && var.memory_mb <= 8 * var.cpu
    error_message = "The memory_mb must be two to eight times the cpu."
  }
}

variable "kms_key_arn" {
  description = "KMS key under which secrets and parameters are encrypted, when it is not the account's default key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-f-]+$", var.kms_key_arn))
    error_message = "The kms_key_arn must be the ARN of a KMS key."
  }
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "The log_retention_days must be one of the periods that CloudWatch knows, such as 90."
  }
}
