output "endpoint" {
  description = "URL of the S3 endpoint."
  value       = "https://${var.hostnames["s3"]}"
}

output "vip_address" {
  description = "Address that clients reach: the floating one, where there is one."
  value       = local.address
}

output "instance_ids" {
  description = "Machines by version and number."
  value       = { for key, m in openstack_compute_instance_v2.machine : key => m.id }
}

output "instance_addresses" {
  description = "Their addresses, to bring the secrets to."
  value       = { for key, p in openstack_networking_port_v2.machine : key => p.all_fixed_ips[0] }
}
