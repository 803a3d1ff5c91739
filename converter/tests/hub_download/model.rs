//! A model on the Hub, and the real Hub's answers about it.

use std::sync::atomic::{AtomicUsize, Ordering};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::server::{Reply, Request, Server, ranged};

pub const REPO: &str = "google/tiny";
pub const COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// A model: its files, and whether each is large, that is stored outside of git.
#[derive(Clone)]
pub struct Model {
    pub files: Vec<(&'static str, Vec<u8>, bool)>,
    /// Where large files are stored: redirected to, if not the Hub itself.
    pub storage: Option<String>,
}

impl Model {
    /// A checkpoint of a small file and a large one, in a folder of its own.
    pub fn tiny() -> Self {
        let large: Vec<u8> = (0..300_000_u32)
            .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let files = vec![
            ("_METADATA", b"{}".to_vec(), false),
            ("d/large file", large, true),
            ("empty", Vec::new(), false),
        ];
        Self {
            files,
            storage: None,
        }
    }

    pub fn large(&self) -> &[u8] {
        &self.files[1].1
    }

    /// The name that the cache gives to a file's bytes.
    pub fn etag(&self, index: usize) -> String {
        let (_, bytes, large) = &self.files[index];
        if *large {
            return sha256(bytes);
        }
        // As git does: `git hash-object`.
        let blob = [format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat();
        hex(&Sha1::digest(blob))
    }

    /// The real Hub's answer. Branches `main` and `v2`, and the commit itself, are known.
    pub fn answer(&self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let api = format!("/api/models/{REPO}/");
        if let Some(revision) = path.strip_prefix(&format!("{api}revision/")) {
            if !["main", "v2", COMMIT].contains(&revision) {
                return Reply::status(404).with("X-Error-Code", "RevisionNotFound");
            }
            return Reply::json(format!(r#"{{"_id":"1","id":"{REPO}","sha":"{COMMIT}"}}"#));
        }
        if path == format!("{api}tree/{COMMIT}") {
            return Reply::json(self.tree());
        }
        match path.strip_prefix(&format!("/{REPO}/resolve/{COMMIT}/")) {
            Some(file) => self.file(request, &file.replace("%20", " ")),
            None => Reply::status(404).with("X-Error-Code", "RepoNotFound"),
        }
    }

    fn tree(&self) -> String {
        let entries = self
            .files
            .iter()
            .enumerate()
            .map(|(index, (path, bytes, large))| {
                let size = bytes.len();
                let oid = if *large {
                    "0".repeat(40)
                } else {
                    self.etag(index)
                };
                let lfs = if *large {
                    format!(
                        r#","lfs":{{"oid":"{}","size":{size},"pointerSize":130}}"#,
                        sha256(bytes)
                    )
                } else {
                    String::new()
                };
                format!(r#"{{"type":"file","oid":"{oid}","size":{size},"path":"{path}"{lfs}}}"#)
            });
        let folder = r#"{"type":"directory","oid":"0","size":0,"path":"d"}"#.to_owned();
        format!(
            "[{}]",
            entries.chain([folder]).collect::<Vec<_>>().join(",")
        )
    }

    fn file(&self, request: &Request, path: &str) -> Reply {
        let Some(index) = self.files.iter().position(|(known, ..)| *known == path) else {
            return Reply::status(404).with("X-Error-Code", "EntryNotFound");
        };
        let (_, bytes, large) = &self.files[index];
        let reply = match &self.storage {
            Some(storage) if *large => {
                Reply::status(302).with("Location", format!("{storage}/bytes"))
            }
            _ => ranged(request, bytes),
        };
        let reply = reply.with("X-Repo-Commit", COMMIT);
        match large {
            true => reply
                .with("ETag", "\"of the redirect\"")
                .with("X-Linked-Etag", format!("\"{}\"", self.etag(index)))
                .with("X-Linked-Size", bytes.len().to_string()),
            false => reply.with("ETag", format!("W/\"{}\"", self.etag(index))),
        }
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn serve(model: &Model) -> Server {
    let model = model.clone();
    Server::start(move |request| model.answer(request))
}

/// A server whose answers for the large file's bytes are changed; `change` gets the number of the request, from zero.
pub fn serve_with(
    model: &Model,
    change: impl Fn(usize, &Request, Reply) -> Reply + Send + Sync + 'static,
) -> Server {
    let (model, count) = (model.clone(), AtomicUsize::new(0));
    Server::start(move |request| {
        let reply = model.answer(request);
        if is_large_get(request) {
            change(count.fetch_add(1, Ordering::SeqCst), request, reply)
        } else {
            reply
        }
    })
}

fn is_large_get(request: &Request) -> bool {
    request.method == "GET" && request.path.ends_with("/d/large%20file")
}

pub fn ranges(requests: &[Request]) -> Vec<Option<&str>> {
    requests
        .iter()
        .filter(|request| is_large_get(request))
        .map(|request| request.header("range"))
        .collect()
}
