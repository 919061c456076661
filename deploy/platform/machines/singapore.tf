# ap-singapore: Vultr serves, Lightsail is the second tier.

resource "vultr_ssh_key" "platform" {
  name    = "platform"
  ssh_key = var.ssh_key
}

resource "vultr_firewall_group" "platform" {
  description = "platform"
}

resource "vultr_firewall_rule" "platform" {
  for_each = local.rules

  firewall_group_id = vultr_firewall_group.platform.id
  ip_type           = "v4"
  protocol          = each.value.protocol
  port              = tostring(each.value.port)
  subnet            = split("/", each.value.network)[0]
  subnet_size       = tonumber(split("/", each.value.network)[1])
  notes             = each.key
}

resource "vultr_instance" "singapore" {
  label             = "sin-vultr"
  hostname          = "sin-vultr"
  region            = "sgp"
  plan              = "vhp-4c-8gb-amd"
  os_id             = 2136 # Debian 12
  enable_ipv6       = true
  ssh_key_ids       = [vultr_ssh_key.platform.id]
  firewall_group_id = vultr_firewall_group.platform.id
  tags              = ["ap-singapore"]
}

resource "aws_lightsail_key_pair" "platform" {
  name       = "platform"
  public_key = var.ssh_key
}

resource "aws_lightsail_instance" "singapore" {
  name              = "sin-lightsail"
  availability_zone = "ap-southeast-1a"
  blueprint_id      = "debian_12"
  bundle_id         = "large_3_0"
  key_pair_name     = aws_lightsail_key_pair.platform.name
  tags              = { region = "ap-singapore" }
}

# The address of an instance changes when it is stopped; answers that were cached would not follow.
resource "aws_lightsail_static_ip" "singapore" {
  name = "sin-lightsail"
}

resource "aws_lightsail_static_ip_attachment" "singapore" {
  static_ip_name = aws_lightsail_static_ip.singapore.name
  instance_name  = aws_lightsail_instance.singapore.name
}

resource "aws_lightsail_instance_public_ports" "singapore" {
  instance_name = aws_lightsail_instance.singapore.name

  dynamic "port_info" {
    for_each = local.used
    content {
      protocol  = port_info.value.protocol
      from_port = port_info.value.port
      to_port   = port_info.value.port
      cidrs     = port_info.value.from
    }
  }
}
