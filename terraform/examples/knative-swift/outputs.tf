output "endpoint" {
  description = "URL of the S3 endpoint."
  value       = module.functions.url
}

output "secret_variables" {
  description = "Keys of the Secret, besides `site.key`."
  value       = module.config.secret_variables
}

output "image" {
  description = "Image that runs."
  value       = module.functions.image
}
