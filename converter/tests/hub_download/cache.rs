//! What a download leaves in the cache, and what it takes from there.

use std::fs;

use crate::home::Home;
use crate::model::{COMMIT, Model, ranges, serve};
use crate::server::{Reply, Request, Server, ranged};

#[test]
fn a_snapshot_lies_where_every_tool_looks_for_it() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    let outcome = home.download();
    assert_eq!(
        outcome.dir(),
        home.snapshot().canonicalize().expect("the snapshot")
    );
    home.assert_complete(&model);
    assert_eq!(
        fs::read_to_string(home.repo().join("refs/main")).expect("refs/main"),
        COMMIT
    );

    let cache = hf_hub::HFClientBuilder::new()
        .cache_dir(home.dir.path().join("hub"))
        .build_sync()
        .expect("a client");
    let found = cache
        .model("google", "tiny")
        .snapshot_download()
        .local_files_only(true)
        .send()
        .expect("hf-hub finds it");
    assert_eq!(found, home.snapshot());

    let total: u64 = model
        .files
        .iter()
        .map(|(_, bytes, _)| bytes.len() as u64)
        .sum();
    assert_eq!(outcome.progress[0], total);
    assert!(outcome.progress[1..].is_sorted(), "{:?}", outcome.progress);
    assert_eq!(outcome.progress.last(), Some(&total));
    assert!(
        outcome.progress.len() > 5,
        "progress within the file: {:?}",
        outcome.progress
    );
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    home.download().dir();
    server.take();
    home.download().dir();
    let again = server.take();
    assert!(
        again
            .iter()
            .all(|request| request.path.starts_with("/api/")),
        "{again:?}"
    );

    // A blob that another revision shares needs only its name.
    fs::remove_file(home.snapshot().join("d/large file")).expect("removed");
    home.download().dir();
    assert_eq!(ranges(&server.take()), []);
    home.assert_complete(&model);
}

#[test]
fn a_branch_gets_a_ref_and_a_commit_needs_none() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    home.download_revision(Some(COMMIT)).dir();
    assert!(!home.repo().join("refs").exists());
    home.download_revision(Some("v2")).dir();
    assert_eq!(
        fs::read_to_string(home.repo().join("refs/v2")).expect("refs/v2"),
        COMMIT
    );
    assert!(!home.repo().join("refs/main").exists());
    home.assert_complete(&model);
}

#[test]
fn offline_only_the_cache_is_asked() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url()).with("HF_HUB_OFFLINE", "1");
    home.download().fails_with(&[
        "google/tiny: HF_HUB_OFFLINE is set, and the cache does not have it",
        "models--google--tiny",
    ]);
    assert!(server.take().is_empty());

    let online = Home {
        dir: home.dir,
        variables: home
            .variables
            .into_iter()
            .filter(|(name, _)| *name != "HF_HUB_OFFLINE")
            .collect(),
    };
    online.download().dir();
    server.take();
    let home = online.with("HF_HUB_OFFLINE", "yes");
    home.download().dir();
    home.download_revision(Some(&COMMIT[..7])).dir();
    home.download_revision(Some("v2"))
        .fails_with(&["HF_HUB_OFFLINE is set", "\"v2\"", COMMIT]);
    assert!(server.take().is_empty());
}

#[test]
fn redirects_within_the_hub_are_followed_to_the_names() {
    let mut model = Model::tiny();
    model.storage = Some("/storage".into());
    let answering = model.clone();
    let server = Server::start(move |request| {
        if request.path == "/storage/bytes" {
            return ranged(request, answering.large());
        }
        let new = request.path.replace("/google/tiny/", "/Google/Tiny/");
        if request.path.starts_with("/google/tiny/") {
            return Reply::status(307).with("Location", new);
        }
        let path = request.path.replace("/Google/Tiny/", "/google/tiny/");
        answering.answer(&Request {
            path,
            ..request.clone()
        })
    });
    let home = Home::new(&server.url());
    home.download().dir();
    home.assert_complete(&model);

    let circle = Model::tiny();
    let server = Server::start(move |request| match request.method.as_str() {
        "HEAD" => Reply::status(307).with("Location", request.path.clone()),
        _ => circle.answer(request),
    });
    Home::new(&server.url())
        .download()
        .fails_with(&["too many redirects"]);
}

#[test]
fn the_cache_may_lie_elsewhere() {
    let model = Model::tiny();
    let server = serve(&model);
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let home = Home::new(&server.url()).with(
        "HF_HUB_CACHE",
        elsewhere.path().to_str().expect("a plain path"),
    );
    let outcome = home.download();
    assert!(
        outcome
            .dir()
            .starts_with(elsewhere.path().canonicalize().expect("the cache"))
    );
    assert!(!home.dir.path().join("hub").exists());
}

#[test]
fn two_processes_at_once_share_the_work() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    let second = Home {
        dir: tempfile::tempdir().expect("a temporary folder"),
        variables: home.variables.clone(),
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| home.download().dir().to_owned());
        let second = scope.spawn(|| second.download().dir().to_owned());
        assert_eq!(
            first.join().expect("no panic"),
            second.join().expect("no panic")
        );
    });
    assert_eq!(ranges(&server.take()).len(), 1);
    home.assert_complete(&model);
}

#[test]
fn names_that_lead_out_of_the_cache_are_refused() {
    let mut model = Model::tiny();
    model.files[0].0 = "../../../../evil";
    let server = serve(&model);
    let home = Home::new(&server.url());
    home.download()
        .fails_with(&["malformed", "../../../../evil", "out of the cache"]);

    let model = Model::tiny();
    let etag = Server::start(move |request| {
        let mut reply = model.answer(request);
        for (name, value) in &mut reply.headers {
            if *name == "X-Linked-Etag" {
                *value = "\"../../../evil\"".into();
            }
        }
        reply
    });
    Home::new(&etag.url()).download().fails_with(&[
        "large%20file",
        "malformed",
        "../../../evil",
        "cannot name a file",
    ]);

    let commit =
        Server::start(|_| Reply::json(r#"{"id":"google/tiny","sha":"../../evil"}"#.into()));
    Home::new(&commit.url()).download().fails_with(&[
        "malformed",
        "../../evil",
        "not a commit hash",
    ]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    fs::create_dir_all(home.repo().join("blobs")).expect("blobs");
    std::os::unix::fs::symlink("/dev/full", home.partial(&model)).expect("a link");
    home.download().fails_with(&[
        ".incomplete",
        "the disk is full",
        "1200000 bytes",
        "HF_HUB_CACHE",
    ]);
    assert!(!home.snapshot().exists());
}
