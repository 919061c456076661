resource "waypost_endpoint" "fra_9" {
  region = "eu-frankfurt"
  name   = "fra-9"
  table = jsonencode({
    provider  = "hetzner"
    tier      = 2
    addresses = ["192.0.2.19", "2001:db8:10::19"]
    weight    = 50
  })
}
