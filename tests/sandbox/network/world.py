"""Programs of the Internet that the tests make: run by conftest.py, each in a name space of its own.

world.py names LOG ADDRESS...       answers names on port 53 of these addresses; notes every question in LOG
world.py servers LOG ADDRESS...     web servers; 443 notes what it hears, 25 speaks first, 5353 is UDP
"""

from __future__ import annotations

import contextlib
import http.server
import socket
import sys
import threading
from pathlib import Path

import dnslib.server

RECORDS = {
    "allowed.example": ("A", "93.184.216.34"),
    "second.example": ("A", "93.184.216.34"),
    "other.example": ("A", "93.184.216.35"),
    "inside.example": ("A", "192.168.77.2"),
    "rebind.wide.example": ("A", "192.168.77.2"),
    "loop.wide.example": ("A", "127.0.0.1"),
    "mirror.wide.example": ("A", "93.184.216.35"),
    "six.example": ("AAAA", "2606:4700:99::1"),
    "dead.example": ("A", "93.184.216.99"),
}


def names(log: Path, addresses: list[str]) -> None:
    class Answers(dnslib.server.BaseResolver):
        def resolve(self, request, handler):
            name = str(request.q.qname).rstrip(".").lower()
            with log.open("a") as file:
                file.write(name + "\n")
            reply = request.reply()
            kind, value = RECORDS.get(name, ("", ""))
            if not kind:
                reply.header.rcode = dnslib.RCODE.NXDOMAIN
            elif kind == dnslib.QTYPE[request.q.qtype]:
                reply.add_answer(dnslib.RR(name, request.q.qtype, rdata=getattr(dnslib, kind)(value), ttl=1))
            return reply

    for address in addresses:
        dnslib.server.DNSServer(Answers(), address=address, logger=dnslib.server.DNSLogger("-all")).start_thread()


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b"x" * 100_000)
            return
        body = b"x" * 3_000_000 if self.path == "/large" else f"{self.headers['Host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Dual(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def servers(log: Path, addresses: list[str]) -> None:
    for address in addresses:
        kind = Dual if ":" in address else http.server.ThreadingHTTPServer
        threading.Thread(target=kind((address, 80), Web).serve_forever).start()
    listening(443, lambda client: heard(client, log))
    listening(25, lambda client: client.sendall(b"220 hello\r\n"))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", 5353))
    threading.Thread(target=lambda: [heard(datagrams, log) for _ in iter(int, 1)]).start()


def listening(port: int, serve) -> None:
    listener = socket.create_server(("", port))

    def forever() -> None:
        while True:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                serve(client)

    threading.Thread(target=forever).start()


def heard(client: socket.socket, log: Path) -> None:
    data = client.recv(65536)
    with log.open("ab") as file:
        file.write(data)


if __name__ == "__main__":
    {"names": names, "servers": servers}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3:])
    print("ready", flush=True)
    threading.Event().wait()
