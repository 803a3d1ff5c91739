//! What a download leaves in the cache, and what it takes from there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::home::Home;
use crate::model::{COMMIT, Model, ranges, serve, serve_with};
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
    let cache = hf_hub::Cache::new(home.dir.path().join("hub"));
    let found = cache.model("google/tiny".to_owned()).get("d/large file");
    assert_eq!(found, Some(home.snapshot().join("d/large file")));

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

/// A file's path in the snapshot, with its link.
fn linked(home: &Home, path: &str) -> std::path::PathBuf {
    home.snapshot().join(path)
}

#[test]
fn whatever_is_wrong_in_the_cache_is_fetched_again() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    let spoil: [fn(&Path); 6] = [
        |path| {
            let blob = path.canonicalize().expect("a blob");
            let mut bytes = fs::read(&blob).expect("its bytes");
            bytes[0] ^= 1;
            fs::write(blob, bytes).expect("damaged");
        },
        |path| fs::write(path.canonicalize().expect("a blob"), "").expect("cut"),
        |path| {
            let blob = path.canonicalize().expect("a blob");
            let mut bytes = fs::read(&blob).expect("its bytes");
            bytes.push(0);
            fs::write(blob, bytes).expect("longer");
        },
        |path| fs::remove_file(path.canonicalize().expect("a blob")).expect("removed"),
        // A snapshot's link to another file's blob, as a tool that was interrupted may leave it.
        |path| {
            let other = path.canonicalize().expect("a blob").with_file_name("other");
            fs::write(&other, "{]").expect("another blob");
            fs::remove_file(path).expect("removed");
            std::os::unix::fs::symlink(other, path).expect("a link");
        },
        |path| {
            fs::remove_file(path).expect("removed");
            fs::write(path, "{}x").expect("a file instead of a link");
        },
    ];
    for path in ["_METADATA", "d/large file"] {
        for spoil in spoil {
            home.download().dir();
            spoil(&linked(&home, path));
            home.download().dir();
            let _ = fs::remove_file(home.repo().join("blobs/other"));
            home.assert_complete(&model);
        }
    }
}

#[test]
fn a_damaged_cache_is_not_used_offline() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    home.download().dir();
    let home = home.with("TRANSFORMERS_OFFLINE", "1");
    home.download().dir();
    fs::write(linked(&home, "_METADATA"), "{]").expect("damaged");
    home.download().fails_with(&[
        "_METADATA: damaged in the cache",
        &model.etag(0),
        "without TRANSFORMERS_OFFLINE, the same command fetches it again",
    ]);
}

#[test]
fn a_complete_cache_is_not_written_to() {
    /// Names, inodes and times of change of all that lies in a folder.
    fn state(dir: &Path, found: &mut Vec<(std::path::PathBuf, u64, i64, i64)>) {
        for entry in fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            let metadata = path.symlink_metadata().expect("its metadata");
            found.push((
                path.clone(),
                metadata.ino(),
                metadata.mtime(),
                metadata.mtime_nsec(),
            ));
            if metadata.is_dir() {
                state(&path, found);
            }
        }
        found.sort();
    }
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    home.download().dir();
    let hub = home.dir.path().join("hub");
    let (mut before, mut after) = (Vec::new(), Vec::new());
    state(&hub, &mut before);
    home.download().dir();
    state(&hub, &mut after);
    assert_eq!(before, after);
}

#[test]
fn without_symlinks_the_snapshot_is_made_of_files() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url()).with("HF_HUB_DISABLE_SYMLINKS", "1");
    for _ in 0..2 {
        home.download().dir();
        for (path, bytes, _) in &model.files {
            assert!(!linked(&home, path).is_symlink(), "{path}");
            assert_eq!(&fs::read(linked(&home, path)).expect(path), bytes, "{path}");
        }
    }
    let again = server.take();
    let files = again
        .iter()
        .filter(|request| request.path.contains("/resolve/"));
    // Nobody asks for the bytes of an empty file.
    assert_eq!(files.count(), model.files.len() - 1);
}

#[test]
fn a_model_without_a_checkpoint_is_refused_before_it_is_downloaded() {
    let mut model = Model::tiny();
    model.files.remove(0);
    let server = serve(&model);
    Home::new(&server.url()).download().fails_with(&[
        "google/tiny: holds no Orbax checkpoint",
        "none of its 2 files",
        "nothing was downloaded",
    ]);
    assert!(
        server
            .take()
            .iter()
            .all(|request| request.path.starts_with("/api/"))
    );
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
    let server = Server::start(move |request| match request.path.contains("/resolve/") {
        true => Reply::status(307).with("Location", request.path.clone()),
        false => circle.answer(request),
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
    at_once(&home);
    assert_eq!(ranges(&server.take()).len(), 1);
    home.assert_complete(&model);
}

/// Downloads in two processes.
fn at_once(home: &Home) {
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
}

#[test]
fn without_locks_two_processes_do_not_mix_their_bytes() {
    for cut in [None, Some(400_000)] {
        let model = Model::tiny();
        // Both are at work at the same time: a connection that breaks lets each go on where the other may have been.
        let server = serve_with(&model, move |count, _, reply| Reply {
            cut: cut.filter(|_| count < 2),
            ..reply
        });
        let home = Home::new(&server.url());
        // No folder for locks can be made where a file stands.
        fs::create_dir_all(home.dir.path().join("hub")).expect("the cache");
        fs::write(home.dir.path().join("hub/.locks"), "").expect("a file");
        at_once(&home);
        home.assert_complete(&model);
    }
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
    let digest = Server::start(move |request| {
        let mut reply = model.answer(request);
        if request.path.contains("/tree/") {
            let listing = String::from_utf8(reply.body).expect("JSON");
            reply.body = listing.replace(&model.etag(1), "../../../evil").into();
        }
        reply
    });
    Home::new(&digest.url()).download().fails_with(&[
        "large file",
        "malformed",
        "../../../evil",
        "is no SHA-256",
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
