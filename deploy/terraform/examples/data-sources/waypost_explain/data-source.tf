# An apply warns if a client in the EEA would be sent out of it once Frankfurt is down.
check "failover_stays_in_the_eea" {
  data "waypost_explain" "berlin" {
    name   = "api.example.org"
    client = "198.51.100.7"
    down   = ["eu-frankfurt"]
  }

  assert {
    condition     = startswith(data.waypost_explain.berlin.region, "eu-")
    error_message = data.waypost_explain.berlin.text
  }
}
