# eu-iceland: 1984 and OrangeWebsite have no API. Order a machine at each (Debian 12, the key of `ssh_key`), and name them:
#
#   iceland = {
#     kef-1984          = { provider = "1984", ipv4 = "192.0.2.30" }
#     kef-orangewebsite = { provider = "orangewebsite", ipv4 = "192.0.2.40" }
#   }

check "iceland" {
  assert {
    condition     = length(var.iceland) >= 2
    error_message = "Without two machines in Iceland, what may not leave the EEA has Frankfurt alone."
  }
}
