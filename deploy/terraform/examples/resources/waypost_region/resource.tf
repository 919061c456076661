resource "waypost_region" "tokyo" {
  name = "ap-tokyo"
  table = jsonencode({
    location = [35.68, 139.69]
    serves   = ["JP", "KR"]
  })
}
