//! Connections that break, bytes that are damaged, servers in trouble.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::home::Home;
use crate::model::{Model, ranges, serve, serve_with};
use crate::server::{Reply, Server, ranged};

#[test]
fn an_interrupted_download_continues_in_the_next_run() {
    let model = Model::tiny();
    let server = serve_with(&model, |count, _, reply| Reply {
        cut: (count == 0).then_some(700_001),
        ..reply
    });
    let home = Home::new(&server.url()).with("HUB_TEST_RETRIES", "0");
    home.download().fails_with(&[
        "/resolve/",
        "large%20file",
        "Run the same command again to continue",
    ]);
    assert_eq!(
        fs::metadata(home.partial(&model))
            .expect("what was received")
            .len(),
        700_001
    );
    assert!(!home.snapshot().exists(), "half a snapshot");
    server.take();

    let outcome = home.download();
    outcome.dir();
    assert_eq!(ranges(&server.take()), [Some("bytes=700001-")]);
    home.assert_complete(&model);
    assert_eq!(outcome.progress.last(), Some(&outcome.progress[0]));
}

#[test]
fn an_interrupted_download_continues_in_the_same_run() {
    let model = Model::tiny();
    // More breaks than retries: each one that brought bytes starts the count again.
    let server = serve_with(&model, |count, _, reply| Reply {
        cut: (count < 5).then_some(100_000),
        ..reply
    });
    let home = Home::new(&server.url());
    home.download().dir();
    let starts = [
        None,
        Some("bytes=100000-"),
        Some("bytes=200000-"),
        Some("bytes=300000-"),
        Some("bytes=400000-"),
        Some("bytes=500000-"),
    ];
    assert_eq!(ranges(&server.take()), starts);
    home.assert_complete(&model);
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let model = Model::tiny();
    let bytes = model.large().to_vec();
    let server = serve_with(&model, move |count, _, _| Reply {
        status: 200,
        body: bytes.clone(),
        cut: (count == 0).then_some(5000),
        ..Reply::default()
    });
    let home = Home::new(&server.url());
    home.download().dir();
    assert_eq!(ranges(&server.take()), [None, Some("bytes=5000-")]);
    home.assert_complete(&model);
}

#[test]
fn a_wrong_range_is_not_appended() {
    let model = Model::tiny();
    let bytes = model.large().to_vec();
    let server = serve_with(&model, move |count, request, reply| match count {
        0 => Reply {
            cut: Some(5000),
            ..reply
        },
        1 => Reply {
            status: 206,
            body: bytes[6000..].to_vec(),
            ..Reply::default()
        }
        .with("Content-Range", "bytes 6000-1/*"),
        2 => ranged(request, &bytes),
        _ => reply,
    });
    let home = Home::new(&server.url());
    home.download().dir();
    assert_eq!(ranges(&server.take()), [None, Some("bytes=5000-"), None]);
    home.assert_complete(&model);
}

#[test]
fn a_damaged_partial_file_starts_over() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    fs::create_dir_all(home.repo().join("blobs")).expect("blobs");
    fs::write(home.partial(&model), vec![0; 600_000]).expect("written");
    home.download().dir();
    assert_eq!(ranges(&server.take()), [Some("bytes=600000-"), None]);
    home.assert_complete(&model);

    let longer = Home::new(&server.url());
    fs::create_dir_all(longer.repo().join("blobs")).expect("blobs");
    fs::write(longer.partial(&model), vec![0; 6_000_000]).expect("written");
    server.take();
    longer.download().dir();
    assert_eq!(ranges(&server.take()), [None]);
    longer.assert_complete(&model);
}

#[test]
fn a_file_that_stays_damaged_is_refused() {
    let model = Model::tiny();
    let server = serve_with(&model, |_, _, mut reply| {
        reply.body[123_456] ^= 1;
        reply
    });
    let home = Home::new(&server.url());
    home.download().fails_with(&[
        "large%20file",
        "damaged in transfer",
        "SHA-256",
        &model.etag(1),
    ]);
    assert_eq!(ranges(&server.take()).len(), 2);
    assert!(!home.snapshot().exists());
    assert!(!home.repo().join("blobs").join(model.etag(1)).exists());
    assert!(!home.partial(&model).exists());
}

#[test]
fn a_file_longer_than_announced_is_refused() {
    let model = Model::tiny();
    let server = serve_with(&model, |_, _, mut reply| {
        reply.body.push(0);
        reply
    });
    Home::new(&server.url()).download().fails_with(&[
        "damaged in transfer",
        "expected 1200000 bytes, received an answer of 1200001",
    ]);
}

#[test]
fn damaged_partial_files_of_git_start_over() {
    let mut model = Model::tiny();
    model.files[1].2 = false;
    let server = serve(&model);
    let home = Home::new(&server.url());
    fs::create_dir_all(home.repo().join("blobs")).expect("blobs");
    fs::write(home.partial(&model), vec![0; 600_000]).expect("written");
    home.download().dir();
    assert_eq!(ranges(&server.take()), [Some("bytes=600000-"), None]);
    home.assert_complete(&model);

    // Complete, and yet not right.
    let home = Home::new(&server.url());
    fs::create_dir_all(home.repo().join("blobs")).expect("blobs");
    fs::write(home.partial(&model), vec![0; 1_200_000]).expect("written");
    home.download().dir();
    assert_eq!(ranges(&server.take()), [None]);
    home.assert_complete(&model);

    let damaged = serve_with(&model, |_, _, mut reply| {
        reply.body[7] ^= 1;
        reply
    });
    let home = Home::new(&damaged.url());
    home.download()
        .fails_with(&["damaged in transfer", "git's SHA-1", &model.etag(1)]);
    assert!(!home.snapshot().exists());
}

#[test]
fn passing_trouble_of_the_server_is_waited_out() {
    let model = Model::tiny();
    let server = serve_with(
        &model,
        |count, _, reply| if count < 2 { Reply::status(503) } else { reply },
    );
    let home = Home::new(&server.url());
    home.download().dir();
    home.assert_complete(&model);

    let down = serve_with(&model, |_, _, _| {
        Reply::status(503).with("X-Error-Message", "maintenance")
    });
    Home::new(&down.url()).download().fails_with(&[
        "large%20file",
        "answered 503",
        "maintenance",
        "run the same command again",
    ]);
    assert_eq!(ranges(&down.take()).len(), 3, "one request and two retries");
}

#[test]
fn a_silent_server_is_given_up_on() {
    let model = Model::tiny();
    let server = serve_with(&model, |_, _, reply| Reply {
        cut: Some(0),
        stall: true,
        ..reply
    });
    let home = Home::new(&server.url()).with("HUB_TEST_RETRIES", "0");
    home.download().fails_with(&["large%20file", "timed out"]);
}

#[test]
fn an_unreachable_hub_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a free port")
        .local_addr()
        .expect("its address");
    let endpoint = format!("http://{free}");
    Home::new(&endpoint)
        .download()
        .fails_with(&[&endpoint, "refused", "HF_HUB_OFFLINE=1"]);
}

#[test]
fn the_hub_is_waited_for_as_long_as_it_asks() {
    let model = Model::tiny();
    let asking = |wait: &'static str, always: bool| {
        let (model, count) = (model.clone(), AtomicUsize::new(0));
        Server::start(
            move |request| match always || count.fetch_add(1, Ordering::SeqCst) == 0 {
                true => Reply::status(429).with("Retry-After", wait),
                false => model.answer(request),
            },
        )
    };
    let (server, start) = (asking("1", false), Instant::now());
    let home = Home::new(&server.url());
    home.download().dir();
    assert!(start.elapsed() >= Duration::from_secs(1));
    home.assert_complete(&model);

    // Longer than anyone waits: not asked again.
    let server = asking("86400", true);
    Home::new(&server.url()).download().fails_with(&[
        "answered 429",
        "HF_TOKEN",
        "run the same command again in 86400 s",
    ]);
    assert_eq!(server.take().len(), 1);
    let server = asking("0", true);
    Home::new(&server.url())
        .download()
        .fails_with(&["answered 429", "run the same command again"]);
    assert_eq!(server.take().len(), 3, "one request and two retries");
}

#[test]
fn no_worker_asks_while_the_hub_is_to_be_left_alone() {
    let mut model = Model::tiny();
    let small = (0..20).map(|number| (format!("d/{number}"), format!("{number}")));
    model
        .files
        .extend(small.map(|(path, text)| (&*path.leak(), text.into_bytes(), false)));
    let (answering, refused) = (model.clone(), Arc::new(Mutex::new(None::<Instant>)));
    let early = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&early);
    let server = Server::start(move |request| {
        if !request.path.contains("/resolve/") {
            return answering.answer(request);
        }
        let mut refused = refused.lock().expect("no panic");
        match *refused {
            Some(at) if at.elapsed() >= Duration::from_millis(900) => answering.answer(request),
            Some(_) => {
                count.fetch_add(1, Ordering::SeqCst);
                Reply::status(429).with("Retry-After", "1")
            }
            None => {
                *refused = Some(Instant::now());
                Reply::status(429).with("Retry-After", "1")
            }
        }
    });
    let home = Home::new(&server.url());
    home.download().dir();
    home.assert_complete(&model);
    // The other workers' first requests may be under way.
    assert!(early.load(Ordering::SeqCst) <= 3, "{early:?}");
}

#[test]
fn pages_for_people_are_named_as_such() {
    let page = |status: u16| {
        let mut reply = Reply::status(status).with("Content-Type", "text/html; charset=utf-8");
        reply.body = b"<html><head><title>Sign in to\n Example</title></head></html>".to_vec();
        reply
    };
    for status in [200, 403, 511] {
        let server = Server::start(move |_| page(status));
        Home::new(&server.url()).download().fails_with(&[
            &server.url(),
            "HTML page",
            &status.to_string(),
            "Sign in to Example",
            "HTTPS_PROXY",
        ]);
    }
    let model = Model::tiny();
    let server = serve_with(&model, move |_, _, _| page(200));
    let home = Home::new(&server.url());
    home.download()
        .fails_with(&["large%20file", "HTML page", "Sign in to Example"]);
    assert!(!home.partial(&model).exists());
}
