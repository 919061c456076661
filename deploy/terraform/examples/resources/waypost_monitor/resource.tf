resource "waypost_monitor" "web" {
  name = "shop-web"
  table = jsonencode({
    type     = "https"
    path     = "/healthz"
    interval = "5s"
    timeout  = "2s"
  })
}
