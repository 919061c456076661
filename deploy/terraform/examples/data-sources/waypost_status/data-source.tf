data "waypost_status" "now" {}

output "unhealthy" {
  value = data.waypost_status.now.unhealthy
}
