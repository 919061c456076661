resource "waypost_drain" "disks" {
  scope  = "eu-frankfurt"
  from   = "2027-03-01T20:00:00Z"
  until  = "2027-03-01T22:00:00Z"
  reason = "new disks"
}
