# na-toronto: DigitalOcean serves, Linode is the second tier.

resource "digitalocean_ssh_key" "platform" {
  name       = "platform"
  public_key = var.ssh_key
}

resource "digitalocean_droplet" "toronto" {
  name     = "tor-digitalocean"
  region   = "tor1"
  size     = "s-4vcpu-8gb"
  image    = "debian-12-x64"
  ipv6     = true
  ssh_keys = [digitalocean_ssh_key.platform.fingerprint]
  tags     = ["na-toronto"]
}

resource "digitalocean_firewall" "platform" {
  name        = "platform"
  droplet_ids = [digitalocean_droplet.toronto.id]

  dynamic "inbound_rule" {
    for_each = local.used
    content {
      protocol         = inbound_rule.value.protocol
      port_range       = tostring(inbound_rule.value.port)
      source_addresses = inbound_rule.value.from
    }
  }

  dynamic "outbound_rule" {
    for_each = toset(["tcp", "udp"])
    content {
      protocol              = outbound_rule.value
      port_range            = "1-65535"
      destination_addresses = ["0.0.0.0/0", "::/0"]
    }
  }
}

resource "linode_instance" "toronto" {
  label           = "tor-linode"
  region          = "ca-central"
  type            = "g6-standard-4"
  image           = "linode/debian12"
  authorized_keys = [var.ssh_key]
  firewall_id     = linode_firewall.platform.id
  tags            = ["na-toronto"]
}

resource "linode_firewall" "platform" {
  label           = "platform"
  inbound_policy  = "DROP"
  outbound_policy = "ACCEPT"

  dynamic "inbound" {
    for_each = local.used
    content {
      label    = replace(inbound.key, "_", "-")
      action   = "ACCEPT"
      protocol = upper(inbound.value.protocol)
      ports    = tostring(inbound.value.port)
      ipv4     = inbound.value.from
    }
  }
}
