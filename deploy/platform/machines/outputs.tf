locals {
  machines = merge({
    fra-hetzner      = { region = "eu-frankfurt", provider = "hetzner", user = "root", ipv4 = hcloud_server.frankfurt.ipv4_address, ipv6 = hcloud_server.frankfurt.ipv6_address }
    fra-ovh          = { region = "eu-frankfurt", provider = "ovh", user = "debian", ipv4 = openstack_compute_instance_v2.frankfurt.access_ip_v4, ipv6 = null }
    tor-digitalocean = { region = "na-toronto", provider = "digitalocean", user = "root", ipv4 = digitalocean_droplet.toronto.ipv4_address, ipv6 = digitalocean_droplet.toronto.ipv6_address }
    tor-linode       = { region = "na-toronto", provider = "linode", user = "root", ipv4 = tolist(linode_instance.toronto.ipv4)[0], ipv6 = null }
    sin-vultr        = { region = "ap-singapore", provider = "vultr", user = "root", ipv4 = vultr_instance.singapore.main_ip, ipv6 = vultr_instance.singapore.v6_main_ip }
    sin-lightsail    = { region = "ap-singapore", provider = "lightsail", user = "admin", ipv4 = aws_lightsail_static_ip.singapore.ip_address, ipv6 = null }
    }, {
    for name, machine in var.iceland : name => merge(machine, { region = "eu-iceland", user = "root" })
  })
}

output "machines" {
  description = "Variable `machines` of deploy/terraform/examples/platform: terraform output -json machines."
  value       = { for name, machine in local.machines : name => { ipv4 = machine.ipv4, ipv6 = machine.ipv6 } }
}

output "peers" {
  value = [for machine in local.machines : "${machine.ipv4}/32"]
}

output "inventory" {
  description = "The machines as Ansible's inventory; users of providers differ, and roles become root."
  value = {
    nodes = {
      hosts = {
        for name, machine in local.machines : name => {
          ansible_host      = machine.ipv4
          ansible_user      = machine.user
          waypost_region    = machine.region
          waypost_provider  = machine.provider
          waypost_addresses = compact([machine.ipv4, machine.ipv6])
        }
      }
    }
  }
}
