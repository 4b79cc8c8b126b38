variable "name" {
  description = "What the names of all resources begin with."
  type        = string
  default     = "mucura"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "The name consists of at most 20 small letters, digits and hyphens, a letter first."
  }
}

variable "package_bucket" {
  description = "S3 bucket with the zips of `make functions`, as `PREFIX/RELEASE/NAME-ARCH.zip`."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.package_bucket))
    error_message = "The package_bucket must be the name of a bucket."
  }
}

variable "package_prefix" {
  description = "Prefix of the zips in the bucket."
  type        = string
  default     = "mucura"

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", var.package_prefix))
    error_message = "The package_prefix must not begin or end with a slash."
  }
}

variable "release" {
  description = "Version of the functions: the part RELEASE of their keys. Changing it publishes a new version of each function and moves the alias `live` to it, changing it back rolls back."
  type        = string

  validation {
    condition     = can(regex("^[0-9A-Za-z][0-9A-Za-z.+-]*$", var.release))
    error_message = "The release consists of letters, digits, dots, plus signs and hyphens."
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
  description = "Settings by environment variable, from module config. Secret ones are references (`aws-sm:NAME#key`, `aws-ssm:/path`); the functions may read what is referred to, and nothing else."
  type        = map(string)

  validation {
    condition     = alltrue([for n in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", n))])
    error_message = "The settings are named like environment variables."
  }
}

variable "withheld" {
  description = "From module config: by function, the variables that it does not get."
  type        = map(set(string))

  validation {
    condition     = length(setsubtract(keys(var.withheld), ["gateway", "credentials", "registration", "sweep"])) == 0
    error_message = "The withheld are by function: gateway, credentials, registration or sweep."
  }
}

variable "schedules" {
  description = "Background jobs, from module config: budget and EventBridge expression."
  type        = map(object({ budget = string, rate = string }))
  default     = {}

  validation {
    condition     = alltrue([for s in values(var.schedules) : can(regex("^(rate|cron)\\(.+\\)$", s.rate))])
    error_message = "Each rate is an EventBridge expression such as rate(10 minutes)."
  }

  validation {
    condition     = alltrue([for s in values(var.schedules) : can(regex("^([0-9]{1,3}s|[0-9]m|1[0-2]m)$", s.budget))])
    error_message = "Each budget is at most 12m: a function ends after 15 minutes, and a job takes up to a fifth longer than its budget."
  }
}

variable "hostnames" {
  description = "Host names, from module config: `s3`, and where wanted `auth` (asks for client certificates) and `web`."
  type        = map(string)

  validation {
    condition     = contains(keys(var.hostnames), "s3") && length(setsubtract(keys(var.hostnames), ["s3", "auth", "web"])) == 0
    error_message = "The hostnames are s3, and where wanted auth and web."
  }
}

variable "certificate_arn" {
  description = "ACM certificate for all host names."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "The certificate_arn must be the ARN of an ACM certificate."
  }
}

variable "zone_id" {
  description = "Route 53 zone of the host names. Null: no records are made."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^Z[A-Z0-9]+$", var.zone_id))
    error_message = "The zone_id must look like Z0123456789ABC."
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

variable "public_subnet_ids" {
  description = "Subnets of the load balancer, which clients reach."
  type        = list(string)

  validation {
    condition     = length(var.public_subnet_ids) >= 2 && alltrue([for s in var.public_subnet_ids : can(regex("^subnet-[0-9a-f]+$", s))])
    error_message = "The public_subnet_ids are at least two, in different zones, like subnet-0123456789abcdef0."
  }
}

variable "private_subnet_ids" {
  description = "Subnets of the functions, with a way to the stores."
  type        = list(string)

  validation {
    condition     = length(var.private_subnet_ids) >= 1 && alltrue([for s in var.private_subnet_ids : can(regex("^subnet-[0-9a-f]+$", s))])
    error_message = "The private_subnet_ids are at least one, like subnet-0123456789abcdef0."
  }
}

variable "allowed_cidrs" {
  description = "IPv4 networks that may reach the load balancer."
  type        = set(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for c in var.allowed_cidrs : can(cidrnetmask(c))])
    error_message = "The allowed_cidrs are IPv4 networks such as 192.0.2.0/24."
  }
}

variable "data_target_group_arn" {
  description = "Target group of module aws-data, which takes the bodies of objects."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup/.+$", var.data_target_group_arn))
    error_message = "The data_target_group_arn must be the ARN of a target group: a function cannot take parts of 5 MiB."
  }
}

variable "data_security_group_id" {
  description = "Security group of module aws-data."
  type        = string

  validation {
    condition     = can(regex("^sg-[0-9a-f]+$", var.data_security_group_id))
    error_message = "The data_security_group_id must look like sg-0123456789abcdef0."
  }
}

variable "memory_mb" {
  description = "Memory of a function, MiB; CPU time goes with it."
  type        = number
  default     = 512

  validation {
    condition     = var.memory_mb == floor(var.memory_mb) && var.memory_mb >= 256 && var.memory_mb <= 10240
    error_message = "The memory_mb must be between 256 and 10240."
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
