# After an apply: no failure leads a client out of its fence, or to no answer.
check "fences" {
  data "waypost_verify" "now" {}

  assert {
    condition     = data.waypost_verify.now.proved
    error_message = data.waypost_verify.now.text
  }
}
