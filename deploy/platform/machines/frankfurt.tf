# eu-frankfurt: Hetzner serves, OVH is the second tier.

resource "hcloud_ssh_key" "platform" {
  name       = "platform"
  public_key = var.ssh_key
}

resource "hcloud_firewall" "platform" {
  name = "platform"

  dynamic "rule" {
    for_each = local.used
    content {
      direction   = "in"
      protocol    = rule.value.protocol
      port        = tostring(rule.value.port)
      source_ips  = rule.value.from
      description = rule.key
    }
  }
}

resource "hcloud_server" "frankfurt" {
  name         = "fra-hetzner"
  server_type  = "cpx31"
  image        = "debian-12"
  location     = "fsn1"
  ssh_keys     = [hcloud_ssh_key.platform.id]
  firewall_ids = [hcloud_firewall.platform.id]
  labels       = { region = "eu-frankfurt" }
}

resource "openstack_compute_keypair_v2" "platform" {
  name       = "platform"
  public_key = var.ssh_key
}

resource "openstack_networking_secgroup_v2" "platform" {
  name        = "platform"
  description = "Machines of the platform"
}

resource "openstack_networking_secgroup_rule_v2" "platform" {
  for_each = local.rules

  security_group_id = openstack_networking_secgroup_v2.platform.id
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = each.value.protocol
  port_range_min    = each.value.port
  port_range_max    = each.value.port
  remote_ip_prefix  = each.value.network
  description       = each.key
}

resource "openstack_compute_instance_v2" "frankfurt" {
  name            = "fra-ovh"
  flavor_name     = "b3-8"
  image_name      = "Debian 12"
  key_pair        = openstack_compute_keypair_v2.platform.name
  security_groups = [openstack_networking_secgroup_v2.platform.name]
  metadata        = { region = "eu-frankfurt" }

  network {
    name = "Ext-Net"
  }
}
