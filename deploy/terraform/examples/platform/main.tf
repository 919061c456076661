# The records of a platform in three regions, beside the services that Waypost steers: a name for each machine, mail, and who may
# issue certificates. Steered names (api.example.org) are the server's config's; examples/shop declares one.

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
  default = "platform"
}

variable "zone" {
  type    = string
  default = "example.org"
}

# Machines by region and provider; the first of each region is the primary.
variable "machines" {
  type = map(object({ ipv4 = string, ipv6 = optional(string) }))
  default = {
    fra-hetzner      = { ipv4 = "192.0.2.10", ipv6 = "2001:db8:10::10" }
    fra-ovh          = { ipv4 = "192.0.2.20" }
    kef-1984         = { ipv4 = "192.0.2.30" }
    tor-digitalocean = { ipv4 = "198.51.100.10", ipv6 = "2001:db8:20::10" }
    tor-vultr        = { ipv4 = "198.51.100.20" }
    sin-linode       = { ipv4 = "203.0.113.10" }
  }
}

resource "waypost_record" "machine" {
  for_each = var.machines

  zone   = var.zone
  name   = "${each.key}.nodes.${var.zone}"
  type   = "A"
  values = [each.value.ipv4]
}

resource "waypost_record" "machine_ipv6" {
  for_each = { for name, machine in var.machines : name => machine if machine.ipv6 != null }

  zone   = var.zone
  name   = "${each.key}.nodes.${var.zone}"
  type   = "AAAA"
  values = [each.value.ipv6]
}

resource "waypost_record" "primary" {
  for_each = { eu = "fra-hetzner", na = "tor-digitalocean", ap = "sin-linode" }

  zone   = var.zone
  name   = "primary.${each.key}.${var.zone}"
  type   = "CNAME"
  ttl    = 60
  values = ["${each.value}.nodes.${var.zone}."]
}

resource "waypost_record" "mail_policy" {
  zone   = var.zone
  name   = "_dmarc.${var.zone}"
  type   = "TXT"
  values = ["\"v=DMARC1; p=reject\""]
}

resource "waypost_record" "issuers" {
  zone   = var.zone
  name   = var.zone
  type   = "CAA"
  ttl    = 3600
  values = ["0 issue \"letsencrypt.org\"", "0 iodef \"mailto:security@example.org\""]
}

# With Frankfurt down, a client in Germany is still answered from the EEA.
check "residency" {
  data "waypost_explain" "germany" {
    name   = "api.${var.zone}"
    client = "198.51.100.7"
    down   = ["eu-frankfurt"]
  }

  assert {
    condition     = startswith(data.waypost_explain.germany.region, "eu-")
    error_message = data.waypost_explain.germany.text
  }
}

output "machines" {
  value = { for name, record in waypost_record.machine : record.name => record.values }
}
