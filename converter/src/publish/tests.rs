//! Kills and file systems that are hard to come by.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use super::*;

fn is_ours(name: &str) -> bool {
    [MARK, "model"].contains(&name)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A folder as a conversion leaves it.
fn converted(path: &Path, content: &str) {
    fs::create_dir_all(path).unwrap();
    fs::write(path.join(MARK), content).unwrap();
}

fn content(path: &Path) -> String {
    fs::read_to_string(path.join(MARK)).unwrap()
}

/// A staged folder with an older one in its place.
fn staged(dir: &Path) -> (Staging, PathBuf) {
    let out = dir.join("out");
    converted(&out, "older");
    let staging = Staging::new(&out, true, is_ours).unwrap();
    staging.write(MARK, b"newer").unwrap();
    (staging, out)
}

#[test]
fn names_that_cannot_be_exchanged_are_renamed() {
    for errno in [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP] {
        let dir = tempfile::tempdir().unwrap();
        let (staging, out) = staged(dir.path());
        let refuse: swap::Exchange = match errno {
            Errno::INVAL => |_, _| Err(Errno::INVAL),
            Errno::NOSYS => |_, _| Err(Errno::NOSYS),
            _ => |_, _| Err(Errno::OPNOTSUPP),
        };
        staging.publish_by(refuse).unwrap();
        assert_eq!(
            (content(&out).as_str(), names(dir.path())),
            ("newer", vec!["out".to_owned()])
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let (staging, out) = staged(dir.path());
    assert!(staging.publish_by(|_, _| Err(Errno::IO)).is_err());
    assert_eq!(
        (content(&out).as_str(), names(dir.path())),
        ("older", vec!["out".to_owned()])
    );
}

#[test]
fn a_kill_between_two_renames_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let marked = |mark: &str| dir.path().join(format!(".out.old-{mark}"));
    let aside = marked(&owner::tests::mark_of_the_dead());
    // Before the second rename: the older folder comes back, and is in the way as before.
    converted(&aside, "older");
    assert!(matches!(
        check_target(&out, false, is_ours),
        Err(Error::Exists { .. })
    ));
    assert_eq!(
        (content(&out).as_str(), names(dir.path())),
        ("older", vec!["out".to_owned()])
    );
    // After it: the newer one stays.
    converted(&aside, "older");
    converted(&out, "newer");
    let staging = Staging::new(&out, true, is_ours).unwrap();
    assert_eq!((content(&out).as_str(), aside.exists()), ("newer", false));
    drop(staging);
    // What is not ours is left alone, and so is what a user called so, or a process at work.
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("notes"), "mine").unwrap();
    let others = [
        dir.path().join(".out.old"),
        marked("mine"),
        marked(&owner::mark()),
    ];
    for other in &others {
        converted(other, "kept");
    }
    check_target(&out, true, is_ours).unwrap();
    fs::remove_dir_all(&out).unwrap();
    check_target(&out, true, is_ours).unwrap();
    assert!(aside.join("notes").is_file() && !out.exists());
    assert!(others.iter().all(|other| content(other) == "kept"));
}

#[test]
fn an_older_folder_that_cannot_come_back_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (out, new) = (dir.path().join("out"), dir.path().join("new"));
    converted(&out, "older");
    // There is nothing to put in its place: it gets its name back.
    assert!(swap::replace(&new, &out, |_, _| Err(Errno::INVAL)).is_err());
    assert_eq!(
        (content(&out).as_str(), names(dir.path())),
        ("older", vec!["out".to_owned()])
    );
    let source = std::io::Error::other("gone");
    let (path, aside) = (out, dir.path().join(".out.old-1"));
    let text = Error::Aside {
        path,
        aside: aside.clone(),
        source,
    }
    .to_string();
    assert!(text.contains(&*aside.to_string_lossy()), "{text}");
}

#[test]
fn leftovers_of_the_dead_go_and_folders_at_work_stay() {
    let dir = tempfile::tempdir().unwrap();
    let dead = format!(".out.partial-{}", owner::tests::mark_of_the_dead());
    let at_work = format!(".out.partial-{}", owner::mark());
    let unknown = ".out.partial-elsewhere";
    for folder in [&*dead, &*at_work, unknown, ".other.partial-x"] {
        converted(&dir.path().join(folder), "half");
    }
    let staging = Staging::new(&dir.path().join("out"), false, is_ours).unwrap();
    let second = Staging::new(&dir.path().join("out"), false, is_ours).unwrap();
    assert!(staging.folder.is_dir() && second.folder.is_dir());
    drop((staging, second));
    let mut expected = vec![".other.partial-x".to_owned(), at_work, unknown.to_owned()];
    expected.sort();
    assert_eq!(names(dir.path()), expected);

    // A machine that was lost does not keep its space for ever.
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3600);
    for path in [
        dir.path().join(unknown).join(MARK),
        dir.path().join(unknown),
    ] {
        fs::File::open(path)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
    }
    drop(Staging::new(&dir.path().join("out"), false, is_ours).unwrap());
    assert!(!names(dir.path()).contains(&unknown.to_owned()));
}
