//! `grpc` against the health service of gRPC's own Python package, with TLS and without.
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use waypost::base::Cause;
use waypost::health::ProbeResult::Pass;

use super::{Authority, expect, fail};
use crate::world::{Process, World, wait_for};

/// The Python that has the packages; `tests/run` makes it.
const PYTHON: &str = "target/grpc-python/bin/python3";

const SERVER: &str = r#"
from concurrent import futures
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
server = grpc.server(futures.ThreadPoolExecutor(4))
servicer = health.HealthServicer()
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
for name, status in [("", "SERVING"), ("shop.v1.Orders", "SERVING"), ("shop.v1.Stock", "NOT_SERVING")]:
    servicer.set(name, getattr(health_pb2.HealthCheckResponse, status))
server.add_insecure_port("127.1.0.1:50051")
pair = (open("server.key", "rb").read(), open("server.pem", "rb").read())
server.add_secure_port("127.1.0.1:50443", grpc.ssl_server_credentials([pair]))
bare = grpc.server(futures.ThreadPoolExecutor(1))
bare.add_insecure_port("127.1.0.1:50052")
bare.start()
server.start()
server.wait_for_termination()
"#;

fn server(world: &World) -> Process {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(PYTHON);
    let script = world.write("server.py", SERVER);
    let process = world.start("grpc", Command::new(python).arg(script));
    wait_for("the gRPC server", || {
        TcpStream::connect(("127.1.0.1", 50_051)).is_ok()
    });
    process
}

#[test]
fn a_grpc_server_tells_its_health_with_tls_and_without() {
    let world = World::new();
    let authority = Authority::new(&world);
    authority.issue("server", super::HOST);
    let _server = server(&world);
    let at = |port: u16| format!("127.1.0.1:{port}").parse().unwrap();
    let tls = "tls = true\nroots = \"roots.pem\"\n";
    for (port, security) in [(50_051, ""), (50_443, tls)] {
        for (service, outcome) in [
            ("", Pass),
            ("service = \"shop.v1.Orders\"", Pass),
            ("service = \"shop.v1.Stock\"", fail(Cause::Answer)),
            ("service = \"shop.v1.Absent\"", fail(Cause::Status(5))),
        ] {
            let keys = format!("type = \"grpc\"\n{security}{service}");
            expect(&world, at(port), &keys, outcome);
        }
    }
    // A server without the health service, and one that speaks TLS to who does not.
    expect(
        &world,
        at(50_052),
        "type = \"grpc\"",
        fail(Cause::Status(12)),
    );
    let report = super::probe(&world, at(50_443), "type = \"grpc\"");
    assert_ne!(report.outcome, Pass);
    let stranger = format!("type = \"grpc\"\n{tls}host = \"other.example.org\"");
    expect(&world, at(50_443), &stranger, fail(Cause::CertificateName));
}
