//! What the environment says about the Hub.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the Hub is unless `HF_ENDPOINT` says otherwise.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// How to reach the Hub and where its cache is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Hub's address, without a slash at the end.
    pub endpoint: String,
    /// The access token, if there is one.
    pub token: Option<Token>,
    /// The file that a token may be written to.
    pub token_file: PathBuf,
    /// The cache, with one folder a repo.
    pub cache_dir: PathBuf,
    /// Whether only the cache may be used.
    pub offline: bool,
    /// How often a request is tried again without any byte gained.
    pub retries: u32,
    /// The pause before the first of these; each one is twice as long as the one before.
    pub retry_pause: Duration,
    /// How long the Hub may stay silent.
    pub timeout: Duration,
}

/// An access token. Its `Debug` form does not show it.
#[derive(Clone)]
pub struct Token {
    /// The token itself.
    pub secret: String,
    /// Where it was found, for messages: `HF_TOKEN`.
    pub origin: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The settings that `huggingface_hub` would find in the environment.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `HF_ENDPOINT` | the Hub's address; `https://huggingface.co` |
    /// | `HF_HOME` | `$XDG_CACHE_HOME/huggingface`, or `~/.cache/huggingface` |
    /// | `HF_HUB_CACHE` | the cache; `$HF_HOME/hub` |
    /// | `HF_TOKEN` | the token |
    /// | `HF_TOKEN_PATH` | the file with the token when `HF_TOKEN` is not set; `$HF_HOME/token` |
    /// | `HF_HUB_OFFLINE` | `1`, `true`, `yes` or `on`: only the cache is used |
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// [`Settings::from_env`], with variables from elsewhere. An empty one counts as not set.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let path = |name: &str| variable(name).map(PathBuf::from);

        let home = path("HF_HOME").unwrap_or_else(|| {
            let caches =
                path("XDG_CACHE_HOME").unwrap_or_else(|| user_home(path("HOME")).join(".cache"));
            caches.join("huggingface")
        });
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let token = text("HF_TOKEN")
            .and_then(|secret| Token::new(&secret, "HF_TOKEN".to_owned()))
            .or_else(|| read_token(&token_file));
        Self {
            endpoint: text("HF_ENDPOINT")
                .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned())
                .trim_end_matches('/')
                .to_owned(),
            token,
            token_file,
            cache_dir: path("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub")),
            offline: text("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value)),
            retries: 5,
            retry_pause: Duration::from_millis(500),
            timeout: Duration::from_secs(60),
        }
    }
}

impl Token {
    /// A token without the blanks around it; `None` if nothing is left.
    fn new(text: &str, origin: String) -> Option<Self> {
        let secret = text.trim();
        (!secret.is_empty()).then(|| Self {
            secret: secret.to_owned(),
            origin,
        })
    }
}

fn read_token(file: &Path) -> Option<Token> {
    // Most people have no token file; one that cannot be read shows as a refused request, which names the file.
    Token::new(
        &std::fs::read_to_string(file).ok()?,
        file.display().to_string(),
    )
}

fn user_home(home: Option<PathBuf>) -> PathBuf {
    home.or_else(std::env::home_dir)
        .unwrap_or_else(|| PathBuf::from("."))
}

fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::from_variables(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn defaults_are_the_hubs_own() {
        let found = settings(&[("HOME", "/home/ada")]);
        assert_eq!(found.endpoint, "https://huggingface.co");
        assert_eq!(
            found.cache_dir,
            Path::new("/home/ada/.cache/huggingface/hub")
        );
        assert_eq!(
            found.token_file,
            Path::new("/home/ada/.cache/huggingface/token")
        );
        assert!(found.token.is_none() && !found.offline);
        assert_eq!(
            settings(&[("XDG_CACHE_HOME", "/x")]).cache_dir,
            Path::new("/x/huggingface/hub")
        );
    }

    #[test]
    fn the_narrower_variable_wins() {
        let found = settings(&[
            ("HOME", "/home/ada"),
            ("XDG_CACHE_HOME", "/x"),
            ("HF_HOME", "/hf"),
        ]);
        assert_eq!(found.cache_dir, Path::new("/hf/hub"));
        let found = settings(&[
            ("HF_HOME", "/hf"),
            ("HF_HUB_CACHE", "/cache"),
            ("HF_ENDPOINT", "http://mirror/"),
        ]);
        assert_eq!(found.cache_dir, Path::new("/cache"));
        assert_eq!(found.token_file, Path::new("/hf/token"));
        assert_eq!(found.endpoint, "http://mirror");
        assert_eq!(
            settings(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "")]).cache_dir,
            Path::new("/hf/hub")
        );
    }

    #[test]
    fn a_token_comes_from_the_variable_or_the_file() {
        let home = tempfile::tempdir().unwrap();
        let hf_home = home.path().to_str().unwrap();
        assert!(settings(&[("HF_HOME", hf_home)]).token.is_none());

        std::fs::write(home.path().join("token"), "hf_file\n").unwrap();
        let token = settings(&[("HF_HOME", hf_home)]).token.unwrap();
        assert_eq!(token.secret, "hf_file");
        assert!(token.origin.ends_with("/token"), "{}", token.origin);
        assert!(!format!("{token:?}").contains("hf_file"));

        let token = settings(&[("HF_HOME", hf_home), ("HF_TOKEN", " hf_variable\n")])
            .token
            .unwrap();
        assert_eq!(
            (token.secret.as_str(), token.origin.as_str()),
            ("hf_variable", "HF_TOKEN")
        );
        assert_eq!(
            settings(&[("HF_HOME", hf_home), ("HF_TOKEN", "  ")])
                .token
                .unwrap()
                .secret,
            "hf_file"
        );
        let other = home.path().join("other");
        std::fs::write(&other, "hf_other").unwrap();
        let path = other.to_str().unwrap();
        assert_eq!(
            settings(&[("HF_HOME", hf_home), ("HF_TOKEN_PATH", path)])
                .token
                .unwrap()
                .secret,
            "hf_other"
        );
    }

    #[test]
    fn offline_takes_a_true_value() {
        for (value, offline) in [
            ("1", true),
            ("True", true),
            ("YES", true),
            ("on", true),
            ("0", false),
            ("", false),
        ] {
            assert_eq!(
                settings(&[("HF_HUB_OFFLINE", value)]).offline,
                offline,
                "{value}"
            );
        }
    }
}
