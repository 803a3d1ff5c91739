use super::*;

fn kinds() -> BTreeMap<String, Kind> {
    BTreeMap::from([
        ("layer".to_owned(), Kind::Instance),
        ("stage".to_owned(), Kind::Index),
        (
            "head".to_owned(),
            Kind::OneOf(vec!["chip".to_owned(), "chip_tf".to_owned()]),
        ),
    ])
}

fn matched(pattern: &str, input: &str) -> Option<String> {
    Pattern::parse(pattern, &kinds())
        .unwrap()
        .matches(input)
        .map(|captures| describe(&captures))
}

#[test]
fn instances_count_as_haiku_does() {
    assert_eq!(matched("p:mha{layer}/w", "p:mha/w").unwrap(), "layer=0");
    assert_eq!(matched("p:mha{layer}/w", "p:mha_12/w").unwrap(), "layer=12");
    assert_eq!(matched("p:mha{layer}/w", "p:mha_0/w"), None);
    assert_eq!(matched("p:mha{layer}/w", "p:mha_01/w"), None);
    assert_eq!(matched("p:mha{layer}/w", "p:mha_x/w"), None);
}

#[test]
fn one_of_prefers_the_longer_name() {
    assert_eq!(matched("{head}/w", "chip_tf/w").unwrap(), "head=chip_tf");
    assert_eq!(
        matched("{head}{layer}/w", "chip_2/w").unwrap(),
        "head=chip, layer=2"
    );
    assert_eq!(matched("{head}/w", "chip_x/w"), None);
}

#[test]
fn a_path_goes_over_segments_and_a_name_stands_for_one_text() {
    assert_eq!(matched("p:{a:path}/w", "p:x/y/w").unwrap(), "a=x/y");
    assert_eq!(matched("{a:int}-{a:int}", "3-3").unwrap(), "a=3");
    assert_eq!(matched("{a:int}-{a:int}", "3-4"), None);
}

#[test]
fn a_pattern_renders_what_it_matched() {
    let pattern = Pattern::parse("p:a{layer}/b_{stage}/w", &kinds()).unwrap();
    for input in ["p:a/b_0/w", "p:a_7/b_10/w"] {
        assert_eq!(pattern.render(&pattern.matches(input).unwrap()), input);
    }
}

#[test]
fn braces_of_a_key_stand_twice() {
    assert_eq!(matched("p:br{{x}}/w", "p:br{x}/w").as_deref(), Some(""));
    assert_eq!(matched("{{{a:path}}}", "{x}").as_deref(), Some("a=x"));
    assert_eq!(matched("p:br{{x}}/w", "p:brx/w"), None);
    let pattern = Pattern::parse("p:{{{stage}}}/w", &kinds()).unwrap();
    assert_eq!(
        pattern.render(&pattern.matches("p:{3}/w").unwrap()),
        "p:{3}/w"
    );
    let template = Template::parse("t{{{stage}}}").unwrap();
    let captures = Captures::from([("stage".to_owned(), Index::Number(3))]);
    let evaluate = |_: &Expression| Ok(7);
    assert_eq!(template.render(&captures, &evaluate).unwrap(), "t{3}");
    let template = Template::parse("t.{2 * stage + 1}").unwrap();
    assert_eq!(template.render(&captures, &evaluate).unwrap(), "t.7");
    assert!(Template::parse("t.{2 *}").is_err());
}

#[test]
fn bad_braces_and_kinds_are_refused() {
    for bad in [
        "a{",
        "a}",
        "{{}",
        "{a:path}}",
        "{}",
        "{x y}",
        "{unknown}",
        "{x:nope}",
    ] {
        assert!(Pattern::parse(bad, &kinds()).is_err(), "{bad}");
    }
}
