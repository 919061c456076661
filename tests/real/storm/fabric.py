"""The network between nodes, packet by packet: what a cut, a bad line or a slow one does to them.

    fabric.py SEED ADDRESS=DEVICE...

It makes a TUN device for each address, which whoever started it moves into a namespace, and carries IPv4 packets from one to
the other. Kernels that have no netem, nft or dummy links will do: this needs /dev/net/tun alone.

Each line of standard input is the whole of what is wrong from then on, as JSON, and is answered by a line:

    {"blocked": [["10.7.0.11", "10.7.0.12"]],   packets from the first to the second are lost; one way, unless both are named
     "loss": 50, "twice": 5,                     in a thousand packets: lost, carried twice
     "delay": 40, "spread": 60}                  milliseconds; a spread makes packets overtake each other

What is said of a packet is decided when it is sent: those that are under way when a cut begins still arrive.
"""

import fcntl
import heapq
import ipaddress
import json
import os
import random
import selectors
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000


def device(name):
    """A new TUN device, as a file of packets."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def main():
    draws = random.Random(int(sys.argv[1]))
    tuns = {}
    for word in sys.argv[2:]:
        address, name = word.split("=")
        tuns[ipaddress.ip_address(address).packed] = device(name)
    home = {}
    for address, tun in tuns.items():
        home.setdefault(tun, address)
    # All other addresses of the network are the first one's.
    first = next(iter(tuns.values()))
    blocked, wrong, late, number = set(), {}, [], 0
    selector = selectors.DefaultSelector()
    for tun in home:
        selector.register(tun, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        wait = None if not late else max(0, late[0][0] - time.monotonic())
        for key, _ in selector.select(wait):
            if key.fd == 0:
                line = sys.stdin.readline()
                if not line:
                    return
                wrong = json.loads(line)
                packed = lambda text: ipaddress.ip_address(text).packed
                blocked = {(packed(one), packed(two)) for one, two in wrong["blocked"]}
                print("done", flush=True)
                continue
            for _ in range(64):
                try:
                    packet = os.read(key.fd, 65536)
                except BlockingIOError:
                    break
                if len(packet) < 20 or packet[0] >> 4 != 4:
                    continue
                to = tuns.get(packet[16:20], first)
                if (home[key.fd], home[to]) in blocked or draws.random() * 1000 < wrong.get("loss", 0):
                    continue
                for _ in range(1 + (draws.random() * 1000 < wrong.get("twice", 0))):
                    delay = wrong.get("delay", 0) + draws.random() * wrong.get("spread", 0)
                    number += 1
                    heapq.heappush(late, (time.monotonic() + delay / 1000, number, to, packet))
        while late and late[0][0] <= time.monotonic():
            _, _, to, packet = heapq.heappop(late)
            try:
                os.write(to, packet)
            except (BlockingIOError, OSError):
                pass  # Its device is down, or full: a packet is lost.


main()
