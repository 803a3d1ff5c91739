//! `alphagenome serve` as a process: its signals, and clients that try again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use tests::program;

use crate::support::{Inputs, MODEL, PROGRAM};

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest that the made-up chromosome has room for: it takes a while.
const LONG: usize = 131_072;
/// What the genome has at chr1:80,101.
const BASES: &str = "GTCC";

/// A server that runs; it is killed with this.
struct Server {
    child: Child,
    address: SocketAddr,
}

/// The status and the body of an answer; nothing where the connection failed.
type Answer = Option<(u16, String)>;

impl Server {
    fn start(inputs: &Inputs, listen: &str, more: &[&str]) -> Self {
        let model = MODEL.to_str().unwrap();
        let mut all = vec!["serve", "--json", "--model", model, "--listen", listen];
        all.extend(["--fasta", "genome.fa.gz", "--gtf", "annotation.gtf.gz"]);
        all.extend(more);
        let mut command = program::command(PROGRAM, &inputs.path(""), all);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let document: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = document["url"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        Self { child, address }
    }

    fn terminate(&self) {
        let text = format!("kill -TERM {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &text]).status();
        assert!(sent.unwrap().success());
    }

    /// The exit code.
    fn code(&mut self) -> Option<i32> {
        let mut code = None;
        until("the server ends", || {
            let status = self.child.try_wait().unwrap();
            code = status.and_then(|status| status.code());
            status.is_some()
        });
        code
    }

    /// The value of a metric; nothing where the server is not there.
    fn metric(&self, name: &str) -> Option<usize> {
        let (_, text) = ask(self.address, "GET", "/metrics", "")?;
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    fn running_and_queued(&self) -> Option<(usize, usize)> {
        let queued = self.metric("alphagenome_queued")?;
        Some((self.metric("alphagenome_running")?, queued))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        sleep(Duration::from_millis(2));
    }
}

fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// The scores of one of several variants.
fn score(address: SocketAddr, length: usize, number: usize) -> Answer {
    let position = 80_101 + number;
    let reference = &BASES[number..=number];
    let alternate = if reference == "A" { "C" } else { "A" };
    let body = format!(
        r#"{{"variants":["chr1:{position}:{reference}>{alternate}"],"length":{length},"format":"tsv"}}"#
    );
    ask(address, "POST", "/v1/score", &body)
}

/// A long request that runs, and others that wait for it.
fn busy<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    server: &Server,
    waiting: usize,
) -> Vec<ScopedJoinHandle<'scope, Answer>> {
    let address = server.address;
    let mut clients = vec![scope.spawn(move || score(address, LONG, 0))];
    until("one request runs", || {
        server.running_and_queued() == Some((1, 0))
    });
    clients.extend((1..=waiting).map(|number| scope.spawn(move || score(address, LONG, number))));
    until("the others wait", || {
        server.running_and_queued() == Some((1, waiting))
    });
    clients
}

#[test]
fn sigterm_lets_what_runs_end_and_refuses_the_rest() {
    let inputs = Inputs::new();
    let mut server = Server::start(&inputs, "127.0.0.1:0", &[]);
    let address = server.address;
    let own = score(address, LONG, 0);
    assert_eq!(own.as_ref().map(|(status, _)| *status), Some(200));
    thread::scope(|scope| {
        let mut clients = busy(scope, &server, 3).into_iter();
        server.terminate();
        let ran = clients.next().unwrap().join().unwrap();
        assert_eq!(ran, own);
        let (status, text) = clients.next_back().unwrap().join().unwrap().unwrap();
        assert_eq!(status, 503, "{text}");
        assert!(text.contains("shutting down"), "{text}");
    });
    assert_eq!(server.code(), Some(0));
    assert_eq!(score(address, LONG, 0), None);
}

#[test]
fn without_grace_it_ends_at_once() {
    let inputs = Inputs::new();
    let mut server = Server::start(&inputs, "127.0.0.1:0", &["--grace", "0"]);
    thread::scope(|scope| {
        let clients = busy(scope, &server, 1);
        server.terminate();
        assert_eq!(server.code(), Some(1));
        for client in clients {
            let answer = client.join().unwrap();
            assert!(
                answer.as_ref().is_none_or(|(status, _)| *status == 503),
                "{answer:?}"
            );
        }
    });
}

/// An address that no connection is given as its own: systems take those from 32,768 on.
fn free() -> String {
    let first = 20_000 + std::process::id() as u16 % 10_000;
    let mut ports = (first..32_000).map(|port| format!("127.0.0.1:{port}"));
    ports
        .find(|address| TcpListener::bind(address).is_ok())
        .unwrap()
}

#[test]
fn clients_that_try_again_outlive_a_kill() {
    const CLIENTS: usize = 3;
    const REQUESTS: usize = 8;
    const LENGTH: usize = 16_384;
    let inputs = Inputs::new();
    let listen = free();
    let mut server = Server::start(&inputs, &listen, &[]);
    let address = server.address;
    let own: Vec<_> = (0..BASES.len())
        .map(|number| score(address, LENGTH, number))
        .collect();
    assert!(
        own.iter()
            .all(|answer| answer.as_ref().is_some_and(|(status, _)| *status == 200))
    );
    let (answered, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (own, answered, failed) = (&own, &answered, &failed);
            scope.spawn(move || {
                for request in 0..REQUESTS {
                    let number = (client + request) % BASES.len();
                    until("the request is answered", || {
                        let answer = score(address, LENGTH, number);
                        if answer.as_ref().is_none_or(|(status, _)| *status == 503) {
                            failed.fetch_add(1, Ordering::Relaxed);
                            return false;
                        }
                        assert_eq!(answer, own[number]);
                        true
                    });
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        until("some are answered", || {
            answered.load(Ordering::Relaxed) >= CLIENTS
        });
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        until("the kill is noticed", || failed.load(Ordering::Relaxed) > 0);
        server = Server::start(&inputs, &listen, &[]);
    });
    assert_eq!(answered.into_inner(), CLIENTS * REQUESTS);
}
