resource "waypost_record" "shop" {
  zone   = "example.org"
  name   = "shop.example.org"
  type   = "A"
  ttl    = 60
  values = ["192.0.2.80", "192.0.2.81"]
}

resource "waypost_record" "shop_mail" {
  zone   = "example.org"
  name   = "shop.example.org"
  type   = "MX"
  values = ["10 mail.example.org."]
}
