variable "ssh_key" {
  description = "The public key that opens all machines, as one line of OpenSSH."
  type        = string
}

variable "admins" {
  description = "Networks that may open ssh."
  type        = list(string)
}

variable "peers" {
  description = "The machines themselves, as `terraform output peers` names them once they are there: apply a second time with these."
  type        = list(string)
  default     = []
}

variable "iceland" {
  description = "Machines that were ordered by hand, since neither provider has an API: name to addresses."
  type        = map(object({ provider = string, ipv4 = string, ipv6 = optional(string) }))
  default     = {}
}

locals {
  # Who may come in where: the name servers and the front answer everybody, the databases the other machines.
  open = {
    dns_udp  = { protocol = "udp", port = 53, from = ["0.0.0.0/0"] }
    dns_tcp  = { protocol = "tcp", port = 53, from = ["0.0.0.0/0"] }
    dot      = { protocol = "tcp", port = 853, from = ["0.0.0.0/0"] }
    https    = { protocol = "tcp", port = 443, from = ["0.0.0.0/0"] }
    http     = { protocol = "tcp", port = 80, from = ["0.0.0.0/0"] }
    cluster  = { protocol = "tcp", port = 5354, from = var.peers }
    postgres = { protocol = "tcp", port = 5432, from = var.peers }
    waypost  = { protocol = "tcp", port = 9153, from = var.peers }
    node     = { protocol = "tcp", port = 9100, from = var.peers }
    pgstats  = { protocol = "tcp", port = 9187, from = var.peers }
    front    = { protocol = "tcp", port = 8404, from = var.peers }
    logs     = { protocol = "tcp", port = 6514, from = var.peers }
    ssh      = { protocol = "tcp", port = 22, from = var.admins }
  }
  # Some providers refuse a rule for nobody.
  used = { for name, rule in local.open : name => rule if length(rule.from) > 0 }
  # One rule for each network, as some providers want it.
  rules = merge([
    for name, rule in local.used : {
      for network in rule.from : "${name}-${network}" => merge(rule, { network = network })
    }
  ]...)
}
