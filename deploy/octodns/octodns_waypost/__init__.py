"""octoDNS provider for the declared records of Waypost.

Records that are declared lie over a zone's file (`[dynamic]` of the server's config says which may be). This provider reads them as a
source, and brings them to what octoDNS wants as a target: all changes of a zone at once, or none, and only if nobody else has
changed it since the plan was made. What stands in the zone's file is neither seen nor touched.
"""

from .provider import WaypostProvider

__all__ = ["WaypostProvider"]
__version__ = "0.1.0"
