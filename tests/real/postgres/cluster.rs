//! A real PostgreSQL primary and its standby, in folders of their own: on one port, as one monitor
//! would probe them, at two addresses of loopback.
//!
//! The servers run as the user `postgres`, for they refuse to run as root. Whatever was started
//! ends, and every folder goes, when the [`Cluster`] is dropped.
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::probing::PATIENCE;

/// Of the superuser.
const OWNER_PASSWORD: &str = "owner-secret";

/// A primary and its standby.
pub(crate) struct Cluster {
    pub(crate) primary: Server,
    pub(crate) standby: Server,
    _folder: TempDir,
}

/// One server.
pub(crate) struct Server {
    folder: PathBuf,
    pub(crate) address: SocketAddr,
    running: Option<Child>,
}

impl Cluster {
    /// Starts both, with the roles `waypost` (SCRAM) and `elder` (MD5).
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let port = free_port(Ipv4Addr::UNSPECIFIED);
        let address = |last| SocketAddr::from(([127, 0, 0, last], port));
        let mut primary = Server::new(folder.path().join("primary"), address(1));
        primary.create();
        primary.start();
        primary.sql("CREATE ROLE waypost LOGIN PASSWORD 'right'");
        primary.sql(
            "SET password_encryption = 'md5'; CREATE ROLE elder LOGIN PASSWORD 'right'; \
             CREATE TABLE filler (text text)",
        );
        let mut standby = Server::new(folder.path().join("standby"), address(2));
        standby.copy(&primary);
        standby.start();
        Self {
            primary,
            standby,
            _folder: folder,
        }
    }

    /// Writes some megabytes at the primary, in a transaction.
    pub(crate) fn write(&self) {
        self.primary.sql(
            "INSERT INTO filler SELECT repeat(md5(number::text), 30) FROM generate_series(1, 3000) number",
        );
    }
}

impl Server {
    fn new(folder: PathBuf, address: SocketAddr) -> Self {
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let (user, group) = owner();
        chown(&folder, Some(user), Some(group)).unwrap();
        Self {
            folder,
            address,
            running: None,
        }
    }

    fn create(&self) {
        let password = self.folder.with_extension("password");
        fs::write(&password, OWNER_PASSWORD).unwrap();
        let mut initdb = as_postgres("initdb");
        initdb.args(["--username=postgres", "--auth=md5", "--no-sync"]);
        initdb.args(["--locale=C", "--encoding=UTF8"]);
        initdb.arg(format!("--pwfile={}", password.display()));
        run(initdb.arg("-D").arg(&self.folder));
    }

    fn copy(&self, primary: &Self) {
        let mut backup = primary.client("pg_basebackup");
        backup.args([
            "--write-recovery-conf",
            "--no-sync",
            "--checkpoint=fast",
            "-X",
            "stream",
        ]);
        run(backup.arg("-D").arg(&self.folder));
    }

    /// Starts it, and waits until it takes logins.
    pub(crate) fn start(&mut self) {
        let begun = Instant::now();
        loop {
            self.running = Some(self.launch());
            while self.running.as_mut().unwrap().try_wait().unwrap().is_none() {
                if self.try_sql("SELECT 1").is_some() {
                    return;
                }
                assert!(begun.elapsed() < PATIENCE, "PostgreSQL does not start");
                std::thread::sleep(Duration::from_millis(50));
            }
            // One that was killed may still be leaving.
            assert!(begun.elapsed() < PATIENCE, "PostgreSQL ends at once");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn launch(&self) -> Child {
        let mut server = as_postgres("postgres");
        server.arg("-D").arg(&self.folder);
        server.args(["-p", &self.address.port().to_string()]);
        server.args(["-c", &format!("listen_addresses={}", self.address.ip())]);
        for setting in [
            "unix_socket_directories=",
            "fsync=off",
            "autovacuum=off",
            "shared_buffers=16MB",
            "wal_keep_size=256MB",
            "wal_retrieve_retry_interval=200ms",
        ] {
            server.args(["-c", setting]);
        }
        let log = fs::File::create(self.folder.with_extension("log")).unwrap();
        server.stderr(log).stdout(Stdio::null()).spawn().unwrap()
    }

    /// Kills it as the loss of its machine would, and waits until its port is closed.
    pub(crate) fn kill(&mut self) {
        self.end(Signal::SIGKILL);
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_ok() {
            assert!(begun.elapsed() < PATIENCE, "its port stays open");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut child) = self.running.take() {
            let pid = i32::try_from(child.id()).unwrap();
            let _ = kill(Pid::from_raw(pid), signal);
            let _ = child.wait();
        }
    }

    /// A program that logs in here as the superuser.
    fn client(&self, program: &str) -> Command {
        let mut command = as_postgres(program);
        command.args(["-h", &self.address.ip().to_string(), "-U", "postgres"]);
        command.args(["-p", &self.address.port().to_string()]);
        command
    }

    /// What a statement of the superuser gives, as text.
    pub(crate) fn sql(&self, statement: &str) -> String {
        let answer = self.try_sql(statement);
        answer.unwrap_or_else(|| panic!("refused: {statement}"))
    }

    fn try_sql(&self, statement: &str) -> Option<String> {
        let mut psql = self.client("psql");
        psql.args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
        ]);
        let output = psql.stderr(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.trim().to_owned())
    }

    /// Changes a setting for now and for later starts.
    pub(crate) fn set(&self, name: &str, value: &str) {
        let value = value.replace('\'', "''");
        self.sql(&format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.sql("SELECT pg_reload_conf()");
    }

    /// How many sessions of probes it has.
    pub(crate) fn probe_sessions(&self) -> String {
        self.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waypost'")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Signal::SIGQUIT);
    }
}

/// A program of PostgreSQL, of the newest version that is installed.
pub(crate) fn as_postgres(program: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .expect("PostgreSQL is installed: tests/run does that");
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
        "--",
    ]);
    command.arg(format!("/usr/lib/postgresql/{newest}/bin/{program}"));
    command.current_dir("/").env("PGPASSWORD", OWNER_PASSWORD);
    command.env("LC_ALL", "C");
    command
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// The numbers of the user and the group `postgres`.
pub(crate) fn owner() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut words = line
        .expect("PostgreSQL's package makes its user")
        .split(':');
    let mut number = |place| words.nth(place).unwrap().parse().unwrap();
    (number(2), number(0))
}

/// A port where nobody listens: of one address, or (unspecified) of all.
pub(crate) fn free_port(address: Ipv4Addr) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
