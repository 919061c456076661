# A shop beside the services of the server's config: a monitor and a service of its own, one more machine for a region of the config, and
# a region in Vancouver with two machines. After each apply the fences are proved, and what Berlin gets once Frankfurt is down.
#
# The server's config lets it in:
#
#   [[dynamic.objects]]
#   kinds  = ["service", "monitor", "endpoint", "region"]
#   tokens = ["terraform"]

terraform {
  required_providers {
    waypost = {
      source = "terraform.example.org/waypost/waypost"
    }
  }
}

# WAYPOST_CONTROL, WAYPOST_TOKEN_FILE and WAYPOST_CA say where, and who asks.
provider "waypost" {
  reason = var.reason
}

variable "reason" {
  type    = string
  default = "shop"
}

variable "hostname" {
  type    = string
  default = "shop.example.org"
}

variable "vancouver" {
  type = map(object({ provider = string, addresses = list(string) }))
  default = {
    van-ovh   = { provider = "ovh", addresses = ["198.51.100.110"] }
    van-vultr = { provider = "vultr", addresses = ["198.51.100.120"] }
  }
}

resource "waypost_monitor" "web" {
  name = "shop-web"
  table = jsonencode({
    type     = "http"
    port     = 8080
    path     = "/healthz"
    interval = "5s"
    timeout  = "2s"
  })
}

resource "waypost_region" "vancouver" {
  name = "na-vancouver"
  table = jsonencode({
    location     = [49.28, -123.12]
    jurisdiction = "CA"
  })
}

# The first by name is the primary provider.
resource "waypost_endpoint" "vancouver" {
  for_each = var.vancouver

  region = waypost_region.vancouver.name
  name   = each.key
  table = jsonencode({
    provider  = each.value.provider
    tier      = 1 + index(keys(var.vancouver), each.key)
    addresses = each.value.addresses
  })
}

resource "waypost_endpoint" "frankfurt" {
  region = "eu-frankfurt"
  name   = "fra-shop"
  table = jsonencode({
    provider  = "ovh"
    tier      = 3
    addresses = ["192.0.2.19"]
  })
}

resource "waypost_service" "shop" {
  name = "shop"
  table = jsonencode({
    hostnames = [var.hostname]
    monitors  = [waypost_monitor.web.name]
    residency = "prefer"
    ttl       = { min = "10s", max = "60s" }
  })
}

check "fences" {
  data "waypost_verify" "now" {}

  assert {
    condition     = data.waypost_verify.now.proved
    error_message = data.waypost_verify.now.text
  }
}

check "failover" {
  data "waypost_explain" "berlin" {
    name   = var.hostname
    client = "198.51.100.7"
    down   = ["eu-frankfurt"]
  }

  assert {
    condition     = data.waypost_explain.berlin.region != ""
    error_message = data.waypost_explain.berlin.text
  }
}
