output "content_url" {
  description = "The store's URL for `content_url` of module config. It holds no secret."
  value = format("%s?%s",
    replace(replace(trimsuffix(var.auth_url, "/"), "/^http:/", "swift+http:"), "/^https:/", "swift:"),
    join("&", [for name, value in local.parameters : "${name}=${urlencode(value)}" if value != null]),
  )
}

output "container" {
  description = "What the names of the containers begin with."
  value       = var.container
}

output "auth_url" {
  description = "Keystone's URL."
  value       = var.auth_url
}

output "application_credential_id" {
  description = "The application credential."
  value       = local.credential_id
}

output "application_credential_secret" {
  description = "Its secret, for `OS_APPLICATION_CREDENTIAL_SECRET`. Null when the credential was made elsewhere; otherwise the state holds it."
  value       = one(openstack_identity_application_credential_v3.this[*].secret)
  sensitive   = true
}
