mock_provider "openstack" {}

variables {
  auth_url                  = "https://keystone.example.org:5000/v3"
  application_credential_id = "0123456789abcdef0123456789abcdef"
}

run "defaults_make_nothing" {
  command = apply

  assert {
    condition     = output.content_url == "swift://keystone.example.org:5000/v3?application-credential-id=0123456789abcdef0123456789abcdef&containers=256&prefix=mucura"
    error_message = "The URL is ${output.content_url}"
  }
  assert {
    condition     = length(openstack_objectstorage_container_v1.share) == 0 && length(openstack_identity_application_credential_v3.this) == 0 && output.application_credential_secret == null
    error_message = "Something was made."
  }
}

run "containers_with_quota_and_policy" {
  command = apply

  variables {
    container      = "files"
    containers     = 16
    quota_bytes    = 16 * 1099511627776
    storage_policy = "ec-8-3"
    region         = "one"
    interface      = "internal"
    options        = { segment = "64MiB", ca-file = "/etc/ssl/site.pem" }
  }

  assert {
    condition     = length(openstack_objectstorage_container_v1.share) == 16 && openstack_objectstorage_container_v1.share["files-00f"].storage_policy == "ec-8-3" && openstack_objectstorage_container_v1.layout[0].name == "files"
    error_message = "The containers are not those that the store uses."
  }
  assert {
    condition     = openstack_objectstorage_container_v1.share["files-000"].metadata["quota-bytes"] == "1099511627776"
    error_message = "The shares of the quota are not equal."
  }
  assert {
    condition     = output.content_url == "swift://keystone.example.org:5000/v3?application-credential-id=0123456789abcdef0123456789abcdef&ca-file=%2Fetc%2Fssl%2Fsite.pem&containers=16&interface=internal&prefix=files&region=one&segment=64MiB"
    error_message = "The URL is ${output.content_url}"
  }
}

run "a_credential_of_least_privilege" {
  command = apply

  variables {
    create_application_credential = true
    application_credential_id     = null
    auth_url                      = "http://keystone.example.org:5000/v3/"
  }

  assert {
    condition     = openstack_identity_application_credential_v3.this[0].unrestricted == false && openstack_identity_application_credential_v3.this[0].roles == toset(["member"])
    error_message = "The credential may more than it needs."
  }
  assert {
    condition     = alltrue([for r in openstack_identity_application_credential_v3.this[0].access_rules : r.service == "object-store"]) && length(openstack_identity_application_credential_v3.this[0].access_rules) == 5
    error_message = "The credential reaches more than Swift."
  }
  assert {
    condition     = startswith(output.content_url, "swift+http://keystone.example.org:5000/v3?application-credential-id=${openstack_identity_application_credential_v3.this[0].id}&")
    error_message = "The URL is ${output.content_url}"
  }
}
