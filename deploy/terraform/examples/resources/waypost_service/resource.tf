resource "waypost_service" "shop" {
  name = "shop"
  table = jsonencode({
    hostnames = ["shop.example.org"]
    monitors  = [waypost_monitor.web.name]
    regions   = ["eu-frankfurt", "na-toronto"]
    residency = "prefer"
    ttl       = { min = "10s", max = "60s" }
  })
}
