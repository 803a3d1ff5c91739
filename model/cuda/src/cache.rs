//! Files in the user's cache folder that are whole or not there: written aside and renamed, read with a checksum.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// `$XDG_CACHE_HOME/alphagenome-burn`, or `~/.cache/alphagenome-burn`; none where neither variable is set.
pub fn folder() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    base.or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("alphagenome-burn"))
}

/// The contents, unless the file is absent, cut short or altered.
pub(crate) fn read(file: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(file).ok()?;
    let length = bytes.len().checked_sub(blake3::OUT_LEN)?;
    let sum = bytes.split_off(length);
    (blake3::hash(&bytes).as_bytes() == sum.as_slice()).then_some(bytes)
}

/// Keeps the contents. A failure is not reported: the next start only does the work again.
pub(crate) fn write(file: &Path, contents: &[u8]) {
    let _ = try_write(file, contents);
}

fn try_write(file: &Path, contents: &[u8]) -> std::io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // A name of its own, so that two programs or threads at once do not write into each other's file.
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let aside = file.with_extension(format!("{}-{count}.tmp", std::process::id()));
    let written = (|| {
        let mut output = fs::File::create(&aside)?;
        output.write_all(contents)?;
        output.write_all(blake3::hash(contents).as_bytes())?;
        output.sync_all()?;
        fs::rename(&aside, file)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use std::fs;

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/entry.cubin");
        assert_eq!(read(&file), None);
        write(&file, b"code");
        assert_eq!(read(&file).as_deref(), Some(b"code".as_slice()));
        assert_eq!(
            fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1,
            "nothing stays beside it"
        );
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("entry.cubin");
        write(&file, b"code");
        let whole = fs::read(&file).unwrap();
        for cut in [0, 3, whole.len() - 1] {
            fs::write(&file, &whole[..cut]).unwrap();
            assert_eq!(read(&file), None, "cut to {cut}");
        }
        for at in [0, whole.len() - 1] {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            fs::write(&file, altered).unwrap();
            assert_eq!(read(&file), None, "altered at {at}");
        }
    }
}
