use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;

const OLD: &str = "0123456789abcdef0123456789abcdef01234567";
const NEW: &str = "01ffffffffffffffffffffffffffffffffffffff";

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    (dir, path)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A cache with one repo: two snapshots that link into its blobs, and refs main and pr/1.
fn cache() -> (TempDir, PathBuf) {
    let (guard, cache) = folder();
    let repo = cache.join("models--google--alphagenome--x");
    write(&repo.join("blobs/aa"), "{}");
    for commit in [OLD, NEW] {
        let snapshot = repo.join("snapshots").join(commit);
        fs::create_dir_all(&snapshot).unwrap();
        symlink("../../blobs/aa", snapshot.join("_METADATA")).unwrap();
    }
    write(&repo.join("refs/main"), NEW);
    write(&repo.join("refs/pr/1"), &format!("{OLD}\n"));
    (guard, repo)
}

fn commit(path: &Path, revision: Option<&str>) -> Result<String, String> {
    resolve(path, revision)
        .map(|snapshot| snapshot.revision.unwrap())
        .map_err(|error| error.to_string())
}

#[track_caller]
fn fails(path: &Path, revision: Option<&str>, parts: &[&str]) {
    let error = resolve(path, revision).unwrap_err().to_string();
    assert!(
        error.contains(&*path.file_name().unwrap().to_string_lossy()),
        "{error}"
    );
    for part in parts {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
}

#[test]
fn a_plain_folder_is_its_own_root() {
    let (_guard, dir) = folder();
    write(&dir.join("_METADATA"), "{}");
    assert_eq!(
        resolve(&dir, None).unwrap(),
        Snapshot {
            dir: dir.clone(),
            items: Vec::new(),
            unfinished: Vec::new(),
            root: dir.clone(),
            revision: None,
            repo: None
        }
    );
    fails(&dir, Some("main"), &["no --revision main to choose"]);
    fails(&dir.join("_METADATA"), None, &["is a file"]);
    fails(&dir.join("nowhere"), None, &["No such file"]);
}

#[test]
fn any_of_a_checkpoints_marks_will_do() {
    for mark in [
        "_CHECKPOINT_METADATA",
        "manifest.ocdbt",
        "checkpoint",
        "ocdbt.process_0/manifest.ocdbt",
    ] {
        let (_guard, dir) = folder();
        write(&dir.join(mark), "");
        assert_eq!(resolve(&dir, None).unwrap().dir, dir, "{mark}");
    }
}

#[test]
fn a_checkpoint_may_lie_in_a_subfolder() {
    let (_guard, dir) = folder();
    fails(
        &dir,
        None,
        &["holds no Orbax checkpoint", "models--org--name"],
    );
    write(&dir.join("checkpoints/fold_0/_METADATA"), "{}");
    write(&dir.join("docs/README.md"), "");
    write(&dir.join(".git/_METADATA"), "");
    let found = resolve(&dir, None).unwrap();
    assert_eq!(
        (found.dir, found.root),
        (dir.join("checkpoints/fold_0"), dir.clone())
    );

    write(&dir.join("checkpoints/fold_1/manifest.ocdbt"), "");
    fails(
        &dir,
        None,
        &[
            "holds 2 checkpoints",
            "checkpoints/fold_0",
            "checkpoints/fold_1",
        ],
    );
}

#[test]
fn a_step_is_what_lies_in_it() {
    let (_guard, dir) = folder();
    // What CheckpointManager and the v1 API leave.
    for mark in ["_CHECKPOINT_METADATA", "orbax.checkpoint"] {
        write(&dir.join("manager/100").join(mark), "");
    }
    write(&dir.join("manager/100/default/_METADATA"), "");
    for given in ["manager", "manager/100", "manager/100/default"] {
        let found = resolve(&dir.join(given), None).unwrap();
        assert_eq!(found.dir, dir.join("manager/100/default"), "{given}");
        assert_eq!(found.items, [""; 0]);
    }
    // Of two steps, each path that is offered is one that works.
    write(&dir.join("manager/200/_CHECKPOINT_METADATA"), "");
    write(&dir.join("manager/200/default/_METADATA"), "");
    let Err(Error::SeveralCheckpoints { choices, .. }) = resolve(&dir.join("manager"), None) else {
        panic!("two steps");
    };
    assert_eq!(choices.len(), 2);
    for choice in choices {
        assert_eq!(resolve(&choice, None).unwrap().dir, choice);
    }
}

#[test]
fn items_of_a_step_are_one_checkpoint() {
    // Marked as steps, or called by a step's number as by Orbax 0.5.
    for (mark, steps) in [
        ("_CHECKPOINT_METADATA", ["first", "second"]),
        ("", ["1", "2"]),
    ] {
        let (_guard, dir) = folder();
        for step in steps {
            for item in ["state", "params"] {
                write(&dir.join("run").join(step).join(item).join("_METADATA"), "");
            }
            write(&dir.join("run").join(step).join("metadata/metadata"), "");
            if !mark.is_empty() {
                write(&dir.join("run").join(step).join(mark), "");
            }
        }
        let Err(Error::SeveralCheckpoints { choices, .. }) = resolve(&dir.join("run"), None) else {
            panic!("two steps");
        };
        assert_eq!(choices, steps.map(|step| dir.join("run").join(step)));
        for choice in choices {
            let found = resolve(&choice, None).unwrap();
            assert_eq!(found.dir, choice);
            assert_eq!(found.items, ["params", "state"]);
        }
        let item = dir.join("run").join(steps[0]).join("state");
        assert_eq!(resolve(&item, None).unwrap().items, [""; 0]);
    }
    // Without a mark or a step's number, two checkpoints are two.
    let (_guard, dir) = folder();
    write(&dir.join("folds/a/_METADATA"), "");
    write(&dir.join("folds/b/_METADATA"), "");
    fails(&dir, None, &["holds 2 checkpoints"]);
}

#[test]
fn unfinished_saves_are_named_and_never_taken() {
    const TMP: &str = "11.orbax-checkpoint-tmp-1700000000";
    let (_guard, dir) = folder();
    write(&dir.join(TMP).join("_METADATA"), "");
    for given in [dir.clone(), dir.join(TMP)] {
        let error = resolve(&given, None).unwrap_err();
        assert!(
            matches!(&error, Error::Unfinished { path } if path.ends_with(TMP)),
            "{error}"
        );
    }
    write(&dir.join("10/_METADATA"), "");
    let found = resolve(&dir, None).unwrap();
    assert_eq!(
        (found.dir, found.unfinished),
        (dir.join("10"), vec![dir.join(TMP)])
    );
    write(&dir.join("9/_METADATA"), "");
    fails(&dir, None, &["holds 2 checkpoints", "left aside:", TMP]);
    // A step of which one item is missing yet.
    let (_guard, dir) = folder();
    write(&dir.join("12/params/_METADATA"), "");
    write(&dir.join("12/state.orbax-checkpoint-tmp-7/_METADATA"), "");
    let error = resolve(&dir, None).unwrap_err();
    assert!(
        matches!(&error, Error::Unfinished { path } if path.ends_with("12")),
        "{error}"
    );
}

#[test]
fn subfolders_that_are_symlinks_are_not_followed() {
    let (_guard, dir) = folder();
    let (_other_guard, other) = folder();
    write(&other.join("_METADATA"), "{}");
    symlink(&other, dir.join("elsewhere")).unwrap();
    symlink(&dir, dir.join("circle")).unwrap();
    fails(&dir, None, &["holds no Orbax checkpoint"]);
}

#[test]
fn a_repos_cache_folder_goes_by_refs_main() {
    let (_guard, repo) = cache();
    let expected = Snapshot {
        dir: repo.join("snapshots").join(NEW),
        items: Vec::new(),
        unfinished: Vec::new(),
        root: repo.clone(),
        revision: Some(NEW.into()),
        repo: Some("google/alphagenome--x".into()),
    };
    assert_eq!(resolve(&repo, None).unwrap(), expected);
    assert_eq!(
        resolve(repo.parent().unwrap(), None).unwrap(),
        expected,
        "the only model of a cache"
    );
}

#[test]
fn a_revision_is_a_ref_a_commit_or_the_start_of_one() {
    let (_guard, repo) = cache();
    for (revision, expected) in [
        ("main", NEW),
        ("pr/1", OLD),
        (OLD, OLD),
        ("0123", OLD),
        ("01f", NEW),
    ] {
        assert_eq!(
            commit(&repo, Some(revision)).as_deref(),
            Ok(expected),
            "{revision}"
        );
    }
    // A ref comes before a commit that starts like it.
    write(&repo.join("refs/01f"), OLD);
    assert_eq!(commit(&repo, Some("01f")).as_deref(), Ok(OLD));
    let listed = [format!("{NEW} (main)"), format!("{OLD} (01f, pr/1)")];
    let listed = [listed[0].as_str(), listed[1].as_str()];
    fails(
        &repo,
        Some("01"),
        &["several commits start with 01", listed[0], listed[1]],
    );
    for unknown in ["v2", "", "pr", "../main", "/etc/passwd"] {
        fails(
            &repo,
            Some(unknown),
            &["no ref and no commit is called", listed[0], listed[1]],
        );
    }
}

#[test]
fn without_refs_main_a_single_snapshot_will_do() {
    let (_guard, repo) = cache();
    fs::remove_file(repo.join("refs/main")).unwrap();
    fails(
        &repo,
        None,
        &[
            "several snapshots and no refs/main",
            "--revision",
            NEW,
            &format!("{OLD} (pr/1)"),
        ],
    );
    fs::remove_dir_all(repo.join("snapshots").join(NEW)).unwrap();
    assert_eq!(commit(&repo, None).as_deref(), Ok(OLD));
    fs::remove_dir_all(repo.join("snapshots").join(OLD)).unwrap();
    fails(&repo, None, &["there is no snapshot"]);
    fs::remove_dir_all(repo.join("snapshots")).unwrap();
    fails(&repo, None, &["the cache has no snapshot of this model"]);
}

#[test]
fn a_ref_to_what_is_not_downloaded_is_no_reason_to_take_another() {
    let (_guard, repo) = cache();
    fs::remove_dir_all(repo.join("snapshots").join(NEW)).unwrap();
    fails(&repo, None, &["main is commit", NEW, "not downloaded", OLD]);
}

#[test]
fn a_ref_that_holds_no_commit_is_refused() {
    let (_guard, repo) = cache();
    for text in ["../../../etc", "", "main", &"a".repeat(300)] {
        write(&repo.join("refs/main"), text);
        let error = resolve(&repo, None).unwrap_err();
        assert!(
            matches!(&error, Error::BadRef { path, .. } if path.ends_with("refs/main")),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_snapshot_in_a_cache_may_use_its_blobs() {
    let (_guard, repo) = cache();
    let snapshot = repo.join("snapshots").join(OLD);
    let found = resolve(&snapshot, None).unwrap();
    assert_eq!((&found.dir, &found.root), (&snapshot, &repo));
    assert_eq!(found.revision.as_deref(), Some(OLD));
    assert_eq!(resolve(&snapshot, Some("pr/1")).unwrap(), found);
    fails(
        &snapshot,
        Some("main"),
        &["is the snapshot of commit", OLD, "--revision main"],
    );

    let (_link_guard, elsewhere) = folder();
    symlink(&snapshot, elsewhere.join("model")).unwrap();
    assert_eq!(
        resolve(&elsewhere.join("model"), None).unwrap(),
        found,
        "through a symlink"
    );

    fs::remove_file(snapshot.join("_METADATA")).unwrap();
    write(&snapshot.join("default/_METADATA"), "{}");
    let below = resolve(&repo, Some("pr/1")).unwrap();
    assert_eq!((below.dir, below.root), (snapshot.join("default"), repo));
}

#[test]
fn a_snapshot_that_is_a_symlink_out_of_the_cache_is_refused() {
    let (_guard, repo) = cache();
    let (_other_guard, other) = folder();
    write(&other.join("_METADATA"), "{}");
    let snapshot = repo.join("snapshots").join(NEW);
    fs::remove_dir_all(&snapshot).unwrap();
    symlink(&other, &snapshot).unwrap();
    let error = resolve(&repo, None).unwrap_err();
    assert!(matches!(error, Error::Outside { .. }), "{error}");
}

#[test]
fn a_cache_with_several_models_lists_them() {
    let (_guard, repo) = cache();
    let cache = repo.parent().unwrap();
    fs::create_dir_all(cache.join("models--google--other/snapshots")).unwrap();
    fs::create_dir_all(cache.join("datasets--google--data/snapshots")).unwrap();
    fails(
        cache,
        None,
        &[
            "a cache with 2 models",
            "models--google--alphagenome--x",
            "models--google--other",
        ],
    );
}
