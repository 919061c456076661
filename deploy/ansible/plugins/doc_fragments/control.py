"""Options that all modules have."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description: The region, provider or endpoint.
    type: str
    required: true
  reason:
    description: Why, for whoever is on duty next.
    type: str
    default: ""
  control:
    description: Control address of the server, as C(https://ns1.example.org:8053) or C(unix:PATH); otherwise the socket of I(config).
    type: str
  config:
    description: The server's config on the machine, which says where its socket is.
    type: path
    default: /etc/waypost/config.toml
  token_file:
    description: A file on the machine that holds a token.
    type: path
  ca:
    description: A PEM file on the machine with the roots that vouch for the server.
    type: path
  executable:
    description: The program; looked for on the path.
    type: str
    default: waypost
attributes:
  check_mode:
    description: The server is asked, and nothing is done.
    support: full
  diff_mode:
    description: The order before and after.
    support: full
"""
