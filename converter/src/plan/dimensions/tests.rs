use super::*;
use crate::spec::{expression::Expression, pattern::Captures};

fn grounded(text: &str) -> Ground {
    ground(
        &Expression::parse(text).unwrap(),
        &Captures::new(),
        &Seen::new(),
    )
    .unwrap()
}

fn solved(lengths: &[(&str, i64)], equalities: &[(&str, &str)]) -> String {
    let lengths: Vec<_> = lengths
        .iter()
        .map(|(text, value)| (grounded(text), *value))
        .collect();
    let equalities: Vec<_> = equalities
        .iter()
        .map(|(left, right)| (grounded(left), grounded(right)))
        .collect();
    let dimensions = Dimensions::solve(&lengths, &equalities);
    dimensions
        .iter()
        .map(|(dimension, value)| format!("{dimension}={value} "))
        .collect()
}

#[test]
fn the_last_unknown_of_an_expression_follows() {
    assert_eq!(
        solved(&[("2 * t * h", 563_712), ("h", 768)], &[]),
        "h=768 t=367 "
    );
    assert_eq!(
        solved(
            &[("10 - a", 4), ("b / 2", 3), ("6 / c", 2), ("d + 1", 1)],
            &[]
        ),
        "a=6 b=6 c=3 d=0 "
    );
    assert_eq!(solved(&[("2 * a", 5)], &[]), "");
    assert_eq!(solved(&[("a * b", 6)], &[]), "");
    assert_eq!(
        solved(&[("a", 3)], &[("b[1]", "a"), ("c", "b[1] + 1")]),
        "a=3 b[1]=3 c=4 "
    );
}

#[test]
fn the_majority_gives_a_dimension_its_value() {
    assert_eq!(solved(&[("a", 4), ("a", 3), ("a", 3)], &[]), "a=3 ");
}

#[test]
fn captures_index_dimensions() {
    let captures = Captures::from([("i".to_owned(), Index::Number(4))]);
    let expression = Expression::parse("c[i - 1] * i").unwrap();
    let expected = Ground::Binary(
        Operator::Multiply,
        Box::new(Ground::Dimension(Dimension {
            name: "c".to_owned(),
            index: vec![Index::Number(3)],
        })),
        Box::new(Ground::Integer(4)),
    );
    assert_eq!(ground(&expression, &captures, &Seen::new()), Ok(expected));
    assert!(ground(&Expression::parse("c[]").unwrap(), &captures, &Seen::new()).is_err());
    assert!(
        ground(
            &Expression::parse("9223372036854775807 + 1").unwrap(),
            &captures,
            &Seen::new()
        )
        .is_err()
    );
}
