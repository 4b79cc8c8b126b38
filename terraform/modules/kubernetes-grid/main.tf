locals {
  separator = startswith(var.release, "sha256:") ? "@" : ":"
  reference = "${var.image}${local.separator}${var.release}"

  labels = {
    "app.kubernetes.io/name"     = "mucura"
    "app.kubernetes.io/instance" = var.name
  }
  serving = merge(local.labels, { "app.kubernetes.io/component" = "server" })

  # S3 is at 443 whatever port the servers use.
  listeners = { for name, port in { https = 443, web = var.ports.web } : name => port if name == "https" || contains(keys(var.hostnames), "web") }
}

resource "kubernetes_deployment_v1" "this" {
  metadata {
    name      = var.name
    namespace = var.namespace
    labels    = local.serving
  }

  wait_for_rollout = true

  spec {
    replicas               = var.replicas
    revision_history_limit = 5

    selector {
      match_labels = local.serving
    }

    # A new server is ready before an old one ends.
    strategy {
      type = "RollingUpdate"

      rolling_update {
        max_unavailable = "0"
        max_surge       = "1"
      }
    }

    template {
      metadata {
        labels      = local.serving
        annotations = { "mucura.org/secret-revision" = var.secret_revision }
      }

      spec {
        automount_service_account_token  = false
        enable_service_links             = false
        termination_grace_period_seconds = 60

        security_context {
          run_as_non_root = true
          run_as_user     = 65534

          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        affinity {
          pod_anti_affinity {
            preferred_during_scheduling_ignored_during_execution {
              weight = 100

              pod_affinity_term {
                topology_key = "kubernetes.io/hostname"

                label_selector {
                  match_labels = local.serving
                }
              }
            }
          }
        }

        container {
          name    = "server"
          image   = local.reference
          command = ["gateway"]

          dynamic "port" {
            for_each = var.ports

            content {
              name           = port.key
              container_port = port.value
            }
          }

          # The image says PORT; without it the server ends TLS itself, and sees
          # client certificates.
          env {
            name  = "PORT"
            value = ""
          }
          dynamic "env" {
            for_each = var.settings

            content {
              name  = env.key
              value = env.value
            }
          }
          dynamic "env" {
            for_each = var.secret_variables

            content {
              name = env.key

              value_from {
                secret_key_ref {
                  name = var.secret_name
                  key  = env.key
                }
              }
            }
          }

          resources {
            requests = { cpu = var.resources.cpu, memory = var.resources.memory }
            limits   = { memory = var.resources.memory_limit }
          }

          # Not ready while a store does not answer; alive all the same.
          readiness_probe {
            period_seconds    = 5
            failure_threshold = 3

            http_get {
              path = "/-/ready"
              port = "admin"
            }
          }
          liveness_probe {
            initial_delay_seconds = 30
            period_seconds        = 20
            failure_threshold     = 6

            http_get {
              path = "/-/live"
              port = "admin"
            }
          }

          security_context {
            allow_privilege_escalation = false

            capabilities {
              drop = ["ALL"]
            }
          }

          volume_mount {
            name       = "secret"
            mount_path = "/etc/mucura"
            read_only  = true
          }
          volume_mount {
            name       = "data"
            mount_path = "/var/lib/mucura"
          }
          dynamic "volume_mount" {
            for_each = var.trust_claim == null ? [] : [var.trust_claim]

            content {
              name       = "trust"
              mount_path = "/etc/grid-security"
              read_only  = true
            }
          }
        }

        volume {
          name = "secret"

          secret {
            secret_name = var.secret_name

            items {
              key  = "site.key"
              path = "site.key"
            }
          }
        }
        # Nothing in it outlives a server: all that stays is in the stores.
        volume {
          name = "data"

          empty_dir {
            size_limit = "1Gi"
          }
        }
        dynamic "volume" {
          for_each = var.trust_claim == null ? [] : [var.trust_claim]

          content {
            name = "trust"

            persistent_volume_claim {
              claim_name = volume.value
              read_only  = true
            }
          }
        }
      }
    }
  }
}

resource "kubernetes_service_v1" "this" {
  metadata {
    name        = var.name
    namespace   = var.namespace
    labels      = local.labels
    annotations = var.load_balancer_annotations
  }

  spec {
    type                        = "LoadBalancer"
    load_balancer_class         = var.load_balancer_class
    load_balancer_source_ranges = var.allowed_cidrs
    # Nodes hand connections to their own servers only, so clients' addresses
    # are kept without the PROXY protocol.
    external_traffic_policy = "Local"
    selector                = local.serving

    # The admin port is not among them: it asks nobody who she is.
    dynamic "port" {
      for_each = local.listeners

      content {
        name        = port.key
        port        = port.value
        target_port = port.key
        protocol    = "TCP"
      }
    }
  }
}
