//! Clients that leave: nothing of them stays, of places, bytes, connections and open files.

use std::io::Write;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serve::grpc::Client;

use crate::resources;
use crate::support::{JSON, Running, access, connect, question, request, score, slam};

/// Half of each protocol.
const CLIENTS: usize = 100;
/// What memory may grow by, for all of them.
const GROWTH: i64 = 16 << 20;

#[test]
fn a_hundred_clients_leave_in_the_middle() {
    let _alone = crate::alone();
    let server = Running::waiting(access(), Duration::from_millis(15));
    // What is made once is there after the first request.
    server
        .ask("POST", "/v1/score", &[JSON], &score())
        .expect(200);
    server.expect_idle();
    let (files, memory) = resources();
    for client in 0..CLIENTS / 2 {
        let mut stream = connect(server.address);
        let whole = request("POST", "/v1/score", &[JSON], &score());
        // Some leave within the request, some while they wait, some while others wait before them.
        let part = if client % 5 == 0 {
            whole.len() / 2
        } else {
            whole.len()
        };
        stream.write_all(&whole[..part]).unwrap();
        sleep(Duration::from_millis((client % 7) as u64 * 3));
        slam(&stream);
    }
    for client in 0..CLIENTS / 2 {
        let url = format!("http://{}", server.address);
        server.runtime.block_on(async {
            let mut caller = Client::connect(url).await.unwrap();
            let asked = caller.score_variant(tokio_stream::iter([question()]));
            let time = Duration::from_millis((client % 7) as u64 * 3);
            // The channel and the call are dropped.
            let _ = tokio::time::timeout(time, asked).await;
        });
    }
    server.expect_idle();
    let left = server.metric("alphagenome_tasks_total{kind=\"score_variant\",organism=\"HOMO_SAPIENS\",outcome=\"Cancelled\"}");
    assert!(left > 10.0, "{left}");
    server
        .ask("POST", "/v1/score", &[JSON], &score())
        .expect(200);
    let begun = Instant::now();
    while resources().0 > files && begun.elapsed() < Duration::from_secs(10) {
        sleep(Duration::from_millis(50));
    }
    assert!(
        resources().0 <= files,
        "{} files, {files} before",
        resources().0
    );
    let grown = resources().1 - memory;
    assert!(grown < GROWTH, "{grown} bytes more than before");
}
