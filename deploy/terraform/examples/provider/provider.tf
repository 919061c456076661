terraform {
  required_providers {
    waypost = {
      source = "terraform.example.org/waypost/waypost"
    }
  }
}

provider "waypost" {
  control    = "https://ns1.example.org:8053"
  token_file = "terraform.token"
  ca         = "ca.pem"
  reason     = "release 42"
}
