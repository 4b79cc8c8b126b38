output "endpoint" {
  description = "URL of the S3 endpoint."
  value       = module.servers.endpoint
}

output "vip_address" {
  description = "Address that clients reach."
  value       = module.servers.vip_address
}

output "machines" {
  description = "Machines, and the addresses to bring their secrets to."
  value       = module.servers.instance_addresses
}

output "secret_variables" {
  description = "What `/etc/mucura/secrets.env` of each machine has to hold."
  value       = module.config.secret_variables
}

output "cluster_commands" {
  description = "What to run once on the nodes of Riak."
  value       = module.riak.cluster_commands
}
