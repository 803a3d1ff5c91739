//! What a folder gives, and what it refuses to.

use std::{fs, os::unix::fs::symlink, path::Path};

use ocdbt::{FolderStore, Store, StoreError};
use tempfile::TempDir;

/// A cache as model hubs have it: files in `blobs`, and links to them in `snapshot`.
fn cache() -> TempDir {
    let cache = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = cache.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("outside/secret", "secret");
    write("inside/blobs/1f", "blob");
    write("inside/snapshot/d/plain", "plain");
    write("inside/snapshot/empty", "");
    let link = |target: &Path, name: &str| {
        symlink(target, cache.path().join("inside/snapshot").join(name)).unwrap()
    };
    link(Path::new("../../blobs/1f"), "d/linked");
    link(Path::new("../../outside/secret"), "relative");
    link(&cache.path().join("outside/secret"), "absolute");
    link(Path::new("../../outside"), "folder");
    link(Path::new("loop"), "loop");
    link(Path::new("nowhere"), "dangling");
    cache
}

#[test]
fn links_inside_the_root_are_followed() {
    let cache = cache();
    let store = FolderStore::open_within(
        cache.path().join("inside/snapshot"),
        cache.path().join("inside"),
    )
    .unwrap();
    for _ in 0..2 {
        assert_eq!(&*store.read_all("d/linked").unwrap(), b"blob");
        assert_eq!(&*store.read("d/plain", 1..3).unwrap(), b"la");
    }
    assert_eq!(store.len("d/linked").unwrap(), 4);
    assert_eq!(store.read_all("empty").unwrap().len(), 0);
}

#[test]
fn links_that_lead_out_are_not() {
    let cache = cache();
    let snapshot = cache.path().join("inside/snapshot");
    for (root, refused) in [
        (
            cache.path().join("inside"),
            vec!["relative", "absolute", "folder/secret"],
        ),
        (
            snapshot.clone(),
            vec!["relative", "absolute", "folder/secret", "d/linked"],
        ),
    ] {
        let store = FolderStore::open_within(&snapshot, root).unwrap();
        for name in refused {
            for result in [
                store.read_all(name).map(|_| 0),
                store.len(name),
                store.read(name, 0..1).map(|_| 0),
            ] {
                assert!(
                    matches!(result, Err(StoreError::Outside { .. })),
                    "{name}: {result:?}"
                );
            }
        }
        assert!(matches!(
            store.list("folder/"),
            Err(StoreError::Outside { .. })
        ));
    }
    assert!(FolderStore::open_within(&snapshot, cache.path().join("outside")).is_err());
}

#[test]
fn what_is_no_file_is_refused() {
    let cache = cache();
    let store = FolderStore::open(cache.path().join("inside/snapshot")).unwrap();
    assert!(matches!(
        store.read_all("d"),
        Err(StoreError::NotAFile { .. })
    ));
    assert!(matches!(
        store.read_all("missing"),
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store.read_all("d/plain/below"),
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        store.read_all("dangling"),
        Err(StoreError::Dangling { target, .. }) if target == Path::new("nowhere")
    ));
    assert!(matches!(store.read_all("loop"), Err(StoreError::Io { .. })));
    assert!(matches!(
        store.read_all("../blobs/1f"),
        Err(StoreError::Name { .. })
    ));
    assert!(matches!(store.list("../"), Err(StoreError::Name { .. })));
    for range in [0..6, 5..6, u64::MAX - 1..u64::MAX] {
        assert!(
            matches!(
                store.read("d/plain", range.clone()),
                Err(StoreError::OutOfRange { length: 5, .. })
            ),
            "{range:?}"
        );
    }
    assert!(FolderStore::open(cache.path().join("missing")).is_err());
    assert!(FolderStore::open(cache.path().join("outside/secret")).is_err());
}

#[test]
fn lists_up_to_the_next_slash() {
    let cache = cache();
    let store = FolderStore::open(cache.path().join("inside/snapshot")).unwrap();
    assert_eq!(store.list("d/").unwrap(), ["d/linked", "d/plain"]);
    assert_eq!(store.list("d/p").unwrap(), ["d/plain"]);
    assert_eq!(store.list("e").unwrap(), ["empty"]);
    assert_eq!(store.list("missing/").unwrap(), [""; 0]);
    assert!(store.list("").unwrap().contains(&"d/".to_owned()));
}

#[test]
fn a_file_that_is_cut_while_it_is_read_is_an_error() {
    let cache = cache();
    let store = FolderStore::open(cache.path().join("inside/snapshot")).unwrap();
    let path = cache.path().join("inside/snapshot/d/plain");
    fs::write(&path, vec![7; 1 << 20]).unwrap();
    let before = store.read("d/plain", 0..1 << 20).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(5)
        .unwrap();
    // A memory map would end the process here.
    assert!(before.iter().all(|byte| *byte == 7));
    assert!(matches!(
        store.read("d/plain", 0..1 << 20),
        Err(StoreError::OutOfRange { length: 5, .. })
    ));
}
