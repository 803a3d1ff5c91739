//! Gated and missing models, and who sees the token.

use std::fs;

use crate::home::Home;
use crate::model::{Model, serve};
use crate::server::{Reply, Request, Server, ranged};

const TOKEN: &str = "hf_secret";

#[test]
fn a_gated_model_tells_how_to_get_access() {
    let steps = [
        "google/tiny",
        "gated",
        "https://huggingface.co/google/tiny",
        "settings/tokens",
        "HF_TOKEN",
        "/token",
    ];
    for status in [401, 403] {
        let refusal = move |_: &Request| {
            Reply::status(status)
                .with("X-Error-Code", "GatedRepo")
                .with("X-Error-Message", "Access is restricted")
        };
        let everywhere = Server::start(refusal);
        let home = Home::new(&everywhere.url());
        home.download().fails_with(&steps);
        home.download().fails_with(&[
            &status.to_string(),
            "Access is restricted",
            "No token was sent",
        ]);
        let home = home.with("HF_TOKEN", TOKEN);
        home.download()
            .fails_with(&["The token from HF_TOKEN was sent"]);
        assert!(!home.download().result.expect_err("refused").contains(TOKEN));

        // The real Hub lists a gated model's files to everyone, and refuses the files.
        let model = Model::tiny();
        let files_only = Server::start(move |request| {
            if request.path.contains("/resolve/") {
                refusal(request)
            } else {
                model.answer(request)
            }
        });
        let home = Home::new(&files_only.url());
        home.download().fails_with(&steps);
        assert!(!home.repo().join("snapshots").exists());
    }
}

#[test]
fn a_refusal_that_may_mean_a_missing_model_says_so() {
    let server = Server::start(|_| Reply::status(401).with("X-Error-Code", "RepoNotFound"));
    Home::new(&server.url())
        .download()
        .fails_with(&["gated, or private, or does not exist"]);
}

#[test]
fn a_missing_model_and_a_missing_revision_differ() {
    let nothing = Server::start(|_| Reply::status(404).with("X-Error-Code", "RepoNotFound"));
    Home::new(&nothing.url())
        .download()
        .fails_with(&["google/tiny: no such model at", &nothing.url()]);
    let server = serve(&Model::tiny());
    Home::new(&server.url())
        .download_revision(Some("v3"))
        .fails_with(&[
            "google/tiny: no revision \"v3\"",
            "a branch, a tag or a commit",
        ]);
}

#[test]
fn only_the_hub_sees_the_token() {
    let mut model = Model::tiny();
    let bytes = model.large().to_vec();
    let storage = Server::start(move |request| {
        let reply = ranged(request, &bytes);
        if request.header("range").is_none() {
            Reply {
                cut: Some(10_000),
                ..reply
            }
        } else {
            reply
        }
    });
    model.storage = Some(storage.url());
    let server = serve(&model);
    let home = Home::new(&server.url()).with("HF_TOKEN", TOKEN);
    home.download().dir();
    home.assert_complete(&model);

    let bearer = format!("Bearer {TOKEN}");
    let at_the_hub = server.take();
    // Two of its API, and three of files: the large one twice, and none for the empty one.
    assert_eq!(at_the_hub.len(), 5, "{at_the_hub:?}");
    assert!(
        at_the_hub
            .iter()
            .all(|request| request.header("authorization") == Some(&bearer)),
        "{at_the_hub:?}"
    );
    let at_the_storage = storage.take();
    let seen: Vec<_> = at_the_storage
        .iter()
        .map(|request| (request.header("range"), request.header("authorization")))
        .collect();
    assert_eq!(seen, [(None, None), (Some("bytes=10000-"), None)]);
}

#[test]
fn a_token_may_lie_in_its_file() {
    let model = Model::tiny();
    let server = serve(&model);
    let home = Home::new(&server.url());
    home.download_revision(Some("v3")).fails_with(&["v3"]);
    assert!(
        server
            .take()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    fs::write(home.dir.path().join("token"), "hf_filed\n").expect("written");
    home.download().dir();
    assert!(
        server
            .take()
            .iter()
            .all(|request| request.header("authorization") == Some("Bearer hf_filed"))
    );
}

#[test]
fn a_refusal_by_the_storage_is_not_taken_for_the_gate() {
    let storage = Server::start(|_| Reply::status(403));
    let mut model = Model::tiny();
    model.storage = Some(storage.url());
    let server = serve(&model);
    Home::new(&server.url())
        .download()
        .fails_with(&[&storage.url(), "answered 403"]);
    assert_eq!(
        storage.take().len(),
        3,
        "each retry gets a new address from the Hub"
    );
}
