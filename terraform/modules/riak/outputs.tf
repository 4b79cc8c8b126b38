output "metadata_url" {
  description = "The store's URL for `metadata_url` of module config; for contents the same. With tls it names the user `mucura`, whose password is a secret."
  value = format("%s%s/?type=mucura%s",
    var.tls ? "riak+https://mucura@" : "riak://",
    join(",", [for a in var.addresses : "${a}:${local.port}"]),
    var.tls ? "&ca=/etc/mucura/riak-ca.pem" : "",
  )
}

output "endpoints" {
  description = "URLs of the nodes."
  value       = [for a in var.addresses : "${var.tls ? "https" : "http"}://${a}:${local.port}"]
}

output "cluster_name" {
  description = "The cluster's name."
  value       = var.name
}

output "cluster_commands" {
  description = "What to run once, when Riak runs on all nodes: by node, in this order."
  value = concat(
    [for a in slice(var.addresses, 1, var.nodes) : "${a}: riak admin cluster join riak@${var.addresses[0]}"],
    [
      "${var.addresses[0]}: riak admin cluster plan",
      "${var.addresses[0]}: riak admin cluster commit",
      "${var.addresses[0]}: riak admin bucket-type create mucura '{\"props\":{\"allow_mult\":true,\"n_val\":3}}'",
      "${var.addresses[0]}: riak admin bucket-type activate mucura",
    ],
    var.tls ? [
      "${var.addresses[0]}: riak admin security add-user mucura password=…",
      "${var.addresses[0]}: riak admin security add-source mucura ${join(",", var.client_cidrs)} password",
      "${var.addresses[0]}: riak admin security grant riak_kv.get,riak_kv.put,riak_kv.delete,riak_kv.index,riak_core.get_bucket_type on mucura to mucura",
      "${var.addresses[0]}: riak admin security enable",
    ] : [],
  )
}
