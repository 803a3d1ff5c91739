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
    /// The variable that says that only the cache may be used, if one does.
    pub offline: Option<&'static str>,
    /// Whether snapshots may be made of symlinks.
    pub symlinks: bool,
    /// How often a request is tried again without any byte gained.
    pub retries: u32,
    /// The pause before the first of these; each one is twice as long as the one before.
    pub retry_pause: Duration,
    /// The longest pause that the Hub may ask for; it counts requests in windows of five minutes.
    pub longest_wait: Duration,
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
    /// | `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE` | the cache; `$HF_HOME/hub` |
    /// | `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN` | the token |
    /// | `HF_TOKEN_PATH` | the file with the token when no variable has it; `$HF_HOME/token` |
    /// | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` | `1`, `true`, `yes` or `on`: only the cache is used |
    /// | `HF_HUB_DISABLE_SYMLINKS` | a true value: snapshots are made of files |
    ///
    /// Of two, the first that is set counts. In paths, `~`, `$NAME` and `${NAME}` stand for what a shell makes of them.
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// [`Settings::from_env`], with variables from elsewhere. An empty one counts as not set.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let user_home = || user_home(variable("HOME").map(PathBuf::from));
        let path = |name: &str| Some(expand(variable(name)?, &user_home, &text));

        let home = path("HF_HOME").unwrap_or_else(|| {
            let caches = path("XDG_CACHE_HOME").unwrap_or_else(|| user_home().join(".cache"));
            caches.join("huggingface")
        });
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let first =
            |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, text(name)?)));
        let token = first(["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
            .and_then(|(name, secret)| Token::new(&secret, name.to_owned()))
            .or_else(|| read_token(&token_file));
        Self {
            endpoint: text("HF_ENDPOINT")
                .unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned())
                .trim_end_matches('/')
                .to_owned(),
            token,
            token_file,
            cache_dir: path("HF_HUB_CACHE")
                .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
                .unwrap_or_else(|| home.join("hub")),
            offline: first(["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
                .filter(|(_, value)| is_true(value))
                .map(|(name, _)| name),
            symlinks: !text("HF_HUB_DISABLE_SYMLINKS").is_some_and(|value| is_true(&value)),
            retries: 5,
            retry_pause: Duration::from_millis(500),
            longest_wait: Duration::from_secs(300),
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

/// What a shell makes of a path; unknown variables stay as they are.
fn expand(
    path: OsString,
    user_home: &dyn Fn() -> PathBuf,
    variable: &dyn Fn(&str) -> Option<String>,
) -> PathBuf {
    let Some(text) = path.to_str() else {
        return path.into();
    };
    let home = || user_home().into_os_string().into_string().ok();
    PathBuf::from(&*shellexpand::full_with_context_no_errors(
        text, home, variable,
    ))
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
        assert!(found.token.is_none() && found.offline.is_none() && found.symlinks);
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
            ("1", Some("HF_HUB_OFFLINE")),
            ("True", Some("HF_HUB_OFFLINE")),
            ("YES", Some("HF_HUB_OFFLINE")),
            ("on", Some("HF_HUB_OFFLINE")),
            ("0", None),
            ("", Some("TRANSFORMERS_OFFLINE")),
        ] {
            let variables = [("HF_HUB_OFFLINE", value), ("TRANSFORMERS_OFFLINE", "1")];
            assert_eq!(settings(&variables).offline, offline, "{value}");
        }
    }

    #[test]
    fn paths_are_what_a_shell_makes_of_them() {
        let variables = |name, value| {
            [
                ("HOME", "/home/ada"),
                ("SCRATCH", "/scratch"),
                (name, value),
            ]
        };
        for (given, expected) in [
            ("~/hf", "/home/ada/hf"),
            ("~", "/home/ada"),
            ("$HOME/hf", "/home/ada/hf"),
            ("${SCRATCH}/hf", "/scratch/hf"),
            ("$NOWHERE/hf", "$NOWHERE/hf"),
            ("/a~b/hf", "/a~b/hf"),
        ] {
            let expected = Path::new(expected);
            assert_eq!(
                settings(&variables("HF_HOME", given)).cache_dir,
                expected.join("hub")
            );
            assert_eq!(
                settings(&variables("HF_HUB_CACHE", given)).cache_dir,
                expected
            );
            assert_eq!(
                settings(&variables("HUGGINGFACE_HUB_CACHE", given)).cache_dir,
                expected
            );
            assert_eq!(
                settings(&variables("HF_TOKEN_PATH", given)).token_file,
                expected
            );
            let caches = expected.join("huggingface/hub");
            assert_eq!(
                settings(&variables("XDG_CACHE_HOME", given)).cache_dir,
                caches
            );
        }
    }

    #[test]
    fn older_names_count_where_the_newer_are_not_set() {
        let mut variables = vec![
            ("HF_HOME", "/hf"),
            ("HUGGINGFACE_HUB_CACHE", "/older"),
            ("HUGGING_FACE_HUB_TOKEN", "hf_older"),
        ];
        let found = settings(&variables);
        assert_eq!(found.cache_dir, Path::new("/older"));
        let token = found.token.unwrap();
        assert_eq!(
            (token.secret.as_str(), token.origin.as_str()),
            ("hf_older", "HUGGING_FACE_HUB_TOKEN")
        );
        variables.extend([("HF_HUB_CACHE", "/newer"), ("HF_TOKEN", "hf_newer")]);
        let found = settings(&variables);
        assert_eq!(found.cache_dir, Path::new("/newer"));
        assert_eq!(found.token.unwrap().secret, "hf_newer");
    }
}
