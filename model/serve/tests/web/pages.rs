//! The form, the page of a variant, and the page of what there is.

use std::sync::LazyLock;

use genome::Variant;
use results::page::{Scene, Subject};
use results::scores;
use serve::access::Keys;

use crate::support::{Answer, Running, access, library};

const KEY: &str = "a-key-for-tests-0123456789";

static SERVER: LazyLock<Running> = LazyLock::new(|| {
    let mut access = access();
    access.keys = Some(Keys::parse(KEY.as_bytes()).unwrap());
    Running::tiny(access)
});

fn send(form: &str) -> Answer {
    let kind = ("content-type", "application/x-www-form-urlencoded");
    SERVER.ask("POST", "/variant", &[kind], form.as_bytes())
}

/// Holds a page to loading nothing, and to nothing of another site.
fn holds_everything(page: &Answer) {
    let text = page.text();
    assert!(page.headers["content-type"].starts_with("text/html"));
    assert!(page.headers["content-security-policy"].contains("frame-ancestors 'none'"));
    assert!(text.contains("content=\"default-src 'none';"));
    for loading in [
        "https:", "src=", "url(", "@import", "<link", "<iframe", "<object", "//www",
    ] {
        assert!(!text.contains(loading), "{loading}");
    }
    for link in text.split("href=\"").skip(1) {
        let target = link.split('"').next().unwrap();
        assert!(
            target.starts_with('#') || SERVER.get(target).status == 200,
            "{target}"
        );
    }
}

#[test]
fn the_form_gives_the_page_that_the_program_writes() {
    let form = SERVER.get("/").expect(200);
    holds_everything(&form);
    assert!(form.text().contains("type=\"password\" name=\"key\""));
    let answer = send(&format!(
        "variant=chr1%3A42106%3AA%3EAA&organism=human&length=16384&key={KEY}"
    ));
    let answer = answer.expect(200);
    holds_everything(&answer);
    assert!(!answer.text().contains(KEY));

    let scoring = library(None);
    let variant: Variant = "chr1:42106:A>AA".parse().unwrap();
    let interval = variant.reference_interval().resize(16_384);
    let (scored, predictions) = scoring.score_and_predict(&interval, &variant).unwrap();
    let table = scores::table(&scored).unwrap();
    let scene = Scene {
        genome: &scoring.genome,
        annotation: scoring.tables.annotation.as_ref(),
        tracks: &|output| scoring.predictor.tracks(output),
        wanted: &|_| None,
        scored: true,
        settings: &[],
        width: 16_384,
        home: ("/", "Another variant"),
    };
    let subject = Subject {
        variant: &variant,
        id: None,
        interval: &interval,
        predictions: &predictions,
        table: table.as_ref(),
    };
    let own = subject.page(&scene, "").unwrap().1;
    let shown = |page: &str| {
        let (page, _) = page.split_once("<section id=\"settings\">").unwrap();
        page.to_owned()
    };
    assert_eq!(shown(&answer.text()), shown(&own));
    assert!(own.matches("<figure>").count() > 5);
}

#[test]
fn a_form_that_is_wrong_comes_back_with_what_is_wrong() {
    let cases = [
        (
            "variant=chr1%3A42101%3AG%3ET",
            401,
            "send it as x-goog-api-key",
        ),
        (
            "variant=chr1%3A42101%3AG%3ET&key=a-wrong-key-0123456789",
            401,
            "none of this server",
        ),
        (
            "variant=%3Cscript%3Ealert(1)%3C%2Fscript%3E&key=KEY",
            400,
            "write it as chr1:12345:A&gt;C",
        ),
        ("variant=chr9%3A42101%3AG%3ET&key=KEY", 404, "chr9"),
        (
            "variant=chr1%3A42101%3AG%3ET&length=7&key=KEY",
            400,
            "multiple of 2048",
        ),
        (
            "variant=chr1%3A42101%3AG%3ET&file=%2Fetc%2Fpasswd&key=KEY",
            400,
            "the form cannot be read",
        ),
    ];
    for (form, status, words) in cases {
        let answer = send(&form.replace("KEY", KEY)).expect(status);
        holds_everything(&answer);
        let text = answer.text();
        assert!(
            text.contains("role=\"alert\"") && text.contains(words),
            "{form}: {text}"
        );
        assert!(
            !text.contains("<script>alert") && !text.contains("-0123456789"),
            "{form}"
        );
    }
    let answer = send("variant=chr1%3A42101%3AG");
    assert!(answer.text().contains("value=\"chr1:42101:G\""));
}

#[test]
fn the_page_of_what_there_is_has_every_path() {
    let page = SERVER.get("/docs").expect(200);
    holds_everything(&page);
    for path in [
        "/healthz",
        "/metrics",
        "/v1/predict",
        "/v1/score",
        "/v1/tracks",
    ] {
        assert!(page.text().contains(path), "{path}");
    }
}
