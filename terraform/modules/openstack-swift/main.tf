locals {
  # Mucura makes its containers itself when it first needs them. Here they are
  # made only where they are to have what a plain container has not.
  made = var.storage_policy != null || var.quota_bytes != null

  # Names as adapters/swift gives them: one with the layout, and the others.
  shares = local.made ? [for i in range(var.containers) : format("%s-%03x", var.container, i)] : []

  credential_id = var.create_application_credential ? openstack_identity_application_credential_v3.this[0].id : var.application_credential_id

  parameters = merge(
    {
      "application-credential-id" = local.credential_id
      containers                  = tostring(var.containers)
      prefix                      = var.container
      interface                   = var.interface == "public" ? null : var.interface
      region                      = var.region
    },
    var.options,
  )
}

resource "openstack_objectstorage_container_v1" "layout" {
  count = local.made ? 1 : 0

  name           = var.container
  storage_policy = var.storage_policy
}

resource "openstack_objectstorage_container_v1" "share" {
  for_each = toset(local.shares)

  name           = each.key
  storage_policy = var.storage_policy
  # The hash of the ID chooses the container, so shares fill evenly.
  metadata = var.quota_bytes == null ? null : { "quota-bytes" = tostring(ceil(var.quota_bytes / var.containers)) }
}

resource "openstack_identity_application_credential_v3" "this" {
  count = var.create_application_credential ? 1 : 0

  name         = var.name
  roles        = var.roles
  unrestricted = false
  expires_at   = var.expires_at

  dynamic "access_rules" {
    for_each = var.restrict_to_object_store ? toset(["DELETE", "GET", "HEAD", "POST", "PUT"]) : toset([])

    content {
      service = "object-store"
      method  = access_rules.key
      path    = "/v1/**"
    }
  }
}
