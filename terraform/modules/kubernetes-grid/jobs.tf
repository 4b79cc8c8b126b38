# A run that is killed is taken up by the next; two at once do no harm, but waste.
resource "kubernetes_cron_job_v1" "job" {
  for_each = var.schedules

  metadata {
    name      = "${var.name}-${each.key}"
    namespace = var.namespace
    labels    = local.labels
  }

  spec {
    schedule                      = each.value.cron
    concurrency_policy            = "Forbid"
    starting_deadline_seconds     = 300
    successful_jobs_history_limit = 1
    failed_jobs_history_limit     = 3

    job_template {
      metadata {
        labels = local.labels
      }

      spec {
        backoff_limit = 0
        # A run gets its budget, and two minutes to begin and to end.
        active_deadline_seconds = 120 + tonumber(regex("^[0-9]+", each.value.budget)) * (endswith(each.value.budget, "m") ? 60 : 1)

        template {
          metadata {
            labels = local.labels
          }

          spec {
            restart_policy                  = "Never"
            automount_service_account_token = false
            enable_service_links            = false

            security_context {
              run_as_non_root = true
              run_as_user     = 65534

              seccomp_profile {
                type = "RuntimeDefault"
              }
            }

            container {
              name    = "job"
              image   = local.reference
              command = ["sweep"]
              args    = [each.key, "--budget", each.value.budget]

              dynamic "env" {
                for_each = { for name, value in var.settings : name => value if !contains(lookup(var.withheld, "sweep", []), name) }

                content {
                  name  = env.key
                  value = env.value
                }
              }
              dynamic "env" {
                for_each = setsubtract(var.secret_variables, lookup(var.withheld, "sweep", []))

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
                requests = { cpu = "100m", memory = var.resources.memory }
                limits   = { memory = var.resources.memory_limit }
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
          }
        }
      }
    }
  }
}
