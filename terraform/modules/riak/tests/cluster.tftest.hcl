# Plans only: the data volumes refuse to be destroyed, so nothing can be made here.
mock_provider "openstack" {}

variables {
  riak_version   = "3.4.0"
  package_url    = "https://packages.example.org/riak_VERSION_amd64.deb"
  package_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  image_id       = "11111111-2222-3333-4444-555555555555"
  flavor_name    = "m1.large"
  key_pair       = "ada"
  network_id     = "11111111-2222-3333-4444-555555555555"
  subnet_id      = "11111111-2222-3333-4444-666666666666"
  addresses      = ["10.0.1.11", "10.0.1.12", "10.0.1.13", "10.0.1.14", "10.0.1.15"]
  client_cidrs   = ["10.0.0.0/24"]
}

run "defaults" {
  command = plan

  assert {
    condition     = output.metadata_url == "riak+https://mucura@10.0.1.11:8098,10.0.1.12:8098,10.0.1.13:8098,10.0.1.14:8098,10.0.1.15:8098/?type=mucura&ca=/etc/mucura/riak-ca.pem"
    error_message = "The URL is ${output.metadata_url}"
  }
  assert {
    condition     = openstack_compute_servergroup_v2.this.policies == tolist(["anti-affinity"]) && length(openstack_blockstorage_volume_v3.node) == 5
    error_message = "Nodes may share a host, or have no volume of their own."
  }
  assert {
    condition     = toset(keys(openstack_networking_secgroup_rule_v2.from)) == toset(["client/10.0.0.0/24"]) && length(openstack_networking_secgroup_rule_v2.between) == 3
    error_message = "More than the servers and the nodes themselves may connect."
  }
  assert {
    condition     = strcontains(local.user_data["0"], "riak_3.4.0_amd64.deb") && strcontains(local.user_data["0"], "nodename = riak@10.0.1.11") && strcontains(local.user_data["4"], "nodename = riak@10.0.1.15")
    error_message = "A node does not know its name or its package."
  }
  assert {
    condition     = strcontains(local.user_data["0"], "conditional_put_mode = prefer_token") && strcontains(local.user_data["0"], "storage_backend = leveled") && !strcontains(local.user_data["0"], "basic_consensus")
    error_message = "Riak is not set as docs/stores-riak.md asks for."
  }
  assert {
    condition     = length([for c in output.cluster_commands : c if strcontains(c, "cluster join riak@10.0.1.11")]) == 4
    error_message = "Not all nodes join the first."
  }
}

run "a_small_one_without_tls" {
  command = plan

  variables {
    nodes     = 3
    addresses = ["10.0.1.11", "10.0.1.12", "10.0.1.13"]
    tls       = false
  }

  assert {
    condition     = strcontains(local.user_data["0"], "token_request_mode = basic_consensus") && strcontains(local.user_data["0"], "listener.http.internal = 10.0.1.11:8098") && !strcontains(local.user_data["0"], "ssl.")
    error_message = "Three nodes need another mode of tokens, and HTTP."
  }
  assert {
    condition     = output.metadata_url == "riak://10.0.1.11:8098,10.0.1.12:8098,10.0.1.13:8098/?type=mucura" && length([for c in output.cluster_commands : c if strcontains(c, "security")]) == 0
    error_message = "Without TLS there are no users: Riak would refuse their passwords."
  }
}
