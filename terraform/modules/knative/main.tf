locals {
  # Which function answers under which of the host names.
  hosts     = { gateway = "s3", credentials = "auth", registration = "web" }
  functions = { for f, host in local.hosts : f => var.hostnames[host] if contains(keys(var.hostnames), host) }

  reference = "${var.image}${startswith(var.release, "sha256:") ? "@" : ":"}${var.release}"

  labels = {
    "app.kubernetes.io/name"     = "mucura"
    "app.kubernetes.io/instance" = var.name
  }

  # In the order of their names, as the API gives them back.
  env = { for f in keys(local.functions) : f => concat(
    [for name, value in var.settings : { name = name, value = value } if !contains(lookup(var.withheld, f, []), name)],
    [for name in setsubtract(var.secret_variables, lookup(var.withheld, f, [])) : { name = name, valueFrom = { secretKeyRef = { name = var.secret_name, key = name } } }],
  ) }

  # Trusted authorities, for certificates that are shown by signed request.
  trust = var.trust_config_map == null ? [] : [var.trust_config_map]
}

resource "kubernetes_manifest" "service" {
  for_each = local.functions

  manifest = {
    apiVersion = "serving.knative.dev/v1"
    kind       = "Service"
    metadata = {
      name      = "${var.name}-${each.key}"
      namespace = var.namespace
      labels    = local.labels
    }
    spec = {
      template = {
        metadata = {
          labels = local.labels
          annotations = {
            "autoscaling.knative.dev/min-scale" = tostring(var.min_scale)
            "autoscaling.knative.dev/max-scale" = tostring(var.max_scale)
            "mucura.org/secret-revision"        = var.secret_revision
          }
        }
        spec = {
          containerConcurrency         = var.concurrency
          timeoutSeconds               = var.timeout_seconds
          automountServiceAccountToken = false
          enableServiceLinks           = false
          containers = [{
            image   = local.reference
            command = [each.key]
            ports   = [{ containerPort = 8080 }]
            env     = local.env[each.key]
            resources = {
              requests = { cpu = var.resources.cpu, memory = var.resources.memory }
              limits   = { memory = var.resources.memory_limit }
            }
            # Not ready while a store does not answer; alive all the same.
            readinessProbe = { httpGet = { path = "/-/ready" }, periodSeconds = 5, failureThreshold = 3 }
            livenessProbe  = { httpGet = { path = "/-/live" }, periodSeconds = 20, failureThreshold = 6 }
            securityContext = {
              runAsNonRoot             = true
              runAsUser                = 65534
              allowPrivilegeEscalation = false
              capabilities             = { drop = ["ALL"] }
              seccompProfile           = { type = "RuntimeDefault" }
            }
            volumeMounts = concat(
              [{ name = "secret", mountPath = "/etc/mucura", readOnly = true }],
              [for _ in local.trust : { name = "trust", mountPath = "/etc/grid-security", readOnly = true }],
            )
          }]
          volumes = concat(
            [{ name = "secret", secret = { secretName = var.secret_name, items = [{ key = "site.key", path = "site.key" }] } }],
            [for name in local.trust : { name = "trust", configMap = { name = name } }],
          )
        }
      }
    }
  }

  # Knative writes its own into these.
  computed_fields = ["metadata.annotations", "metadata.labels", "spec.template.metadata.annotations"]
}

resource "kubernetes_manifest" "domain" {
  for_each = local.functions

  manifest = {
    apiVersion = "serving.knative.dev/v1beta1"
    kind       = "DomainMapping"
    metadata = {
      name      = each.value
      namespace = var.namespace
      labels    = local.labels
    }
    spec = {
      ref = {
        apiVersion = "serving.knative.dev/v1"
        kind       = "Service"
        name       = kubernetes_manifest.service[each.key].manifest.metadata.name
      }
    }
  }

  computed_fields = ["metadata.annotations", "metadata.labels"]
}
