resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "Load balancer of ${var.name}"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each = var.allowed_cidrs

  security_group_id = aws_security_group.balancer.id
  description       = "Clients"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = each.key
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "Bodies of objects"
  ip_protocol                  = "tcp"
  from_port                    = 8080
  to_port                      = 8080
  referenced_security_group_id = var.data_security_group_id
}

resource "aws_lb" "this" {
  name               = var.name
  load_balancer_type = "application"
  subnets            = var.public_subnet_ids
  security_groups    = [aws_security_group.balancer.id]

  # S3 clients say Expect: 100-continue, which HTTP/2 has not.
  enable_http2 = false
  # Signatures are over the Host header, and metadata headers have underscores.
  preserve_host_header       = true
  drop_invalid_header_fields = false
  desync_mitigation_mode     = "defensive"
  idle_timeout               = 180
  enable_deletion_protection = true
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  # Passthrough, as verify would refuse grid proxies: the function judges the
  # chain. It is the listener's, so clients of the other host names are asked for
  # a certificate, too, and need not have one.
  dynamic "mutual_authentication" {
    for_each = contains(keys(var.hostnames), "auth") ? ["passthrough"] : []

    content {
      mode = mutual_authentication.value
    }
  }

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "There is no such host here."
      status_code  = "404"
    }
  }
}

resource "aws_lb_target_group" "function" {
  for_each = local.front

  name        = "${var.name}-${each.key}"
  target_type = "lambda"
  # Else only the last of several headers or parameters of a name arrives.
  lambda_multi_value_headers_enabled = true
}

resource "aws_lambda_permission" "balancer" {
  for_each = local.front

  statement_id  = "balancer"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.key].function_name
  qualifier     = aws_lambda_alias.live[each.key].name
  principal     = "elasticloadbalancing.amazonaws.com"
  source_arn    = aws_lb_target_group.function[each.key].arn
}

resource "aws_lb_target_group_attachment" "function" {
  for_each = local.front

  target_group_arn = aws_lb_target_group.function[each.key].arn
  target_id        = aws_lambda_alias.live[each.key].arn
  depends_on       = [aws_lambda_permission.balancer]
}

# Each function has its host name.
resource "aws_lb_listener_rule" "host" {
  for_each = local.front

  listener_arn = aws_lb_listener.https.arn
  priority     = { credentials = 10, registration = 20, gateway = 1000 }[each.key]

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.function[each.key].arn
  }

  condition {
    host_header {
      values = [each.value]
    }
  }
}

# The API of people and operators; no bucket is called "-".
resource "aws_lb_listener_rule" "api" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 100

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.function["gateway"].arn
  }

  condition {
    host_header {
      values = [var.hostnames["s3"]]
    }
  }
  condition {
    path_pattern {
      values = ["/-/*"]
    }
  }
}

# What has, or may have, a large body goes to servers that stream it: everything
# that is written, and what is read below a bucket. Lists, HEAD and DELETE stay
# with the function. One host name, so one signature fits both.
resource "aws_lb_listener_rule" "write" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 200

  action {
    type             = "forward"
    target_group_arn = var.data_target_group_arn
  }

  condition {
    host_header {
      values = [var.hostnames["s3"]]
    }
  }
  condition {
    http_request_method {
      values = ["POST", "PUT"]
    }
  }
}

resource "aws_lb_listener_rule" "read" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 300

  action {
    type             = "forward"
    target_group_arn = var.data_target_group_arn
  }

  condition {
    host_header {
      values = [var.hostnames["s3"]]
    }
  }
  condition {
    http_request_method {
      values = ["GET"]
    }
  }
  condition {
    path_pattern {
      values = ["/*/?*"]
    }
  }
}

resource "aws_route53_record" "this" {
  for_each = var.zone_id == null ? {} : var.hostnames

  zone_id = var.zone_id
  name    = each.value
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}
