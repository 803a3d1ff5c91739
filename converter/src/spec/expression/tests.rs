use super::*;

fn name(name: &str) -> Expression {
    Expression::Name {
        name: name.to_owned(),
        index: Vec::new(),
    }
}

#[test]
fn products_bind_closer_than_sums() {
    let parsed = Expression::parse("2 * trunk - 1").unwrap();
    let product = Expression::Binary(
        Operator::Multiply,
        Box::new(Expression::Integer(2)),
        Box::new(name("trunk")),
    );
    assert_eq!(
        parsed,
        Expression::Binary(
            Operator::Subtract,
            Box::new(product),
            Box::new(Expression::Integer(1))
        )
    );
}

#[test]
fn calls_take_named_arguments() {
    let parsed = Expression::parse("values(resolution, head = atac)").unwrap();
    assert_eq!(
        parsed,
        Expression::Call {
            name: "values".to_owned(),
            arguments: vec![name("resolution")],
            named: vec![("head".to_owned(), name("atac"))],
        }
    );
}

#[test]
fn substitution_reaches_into_an_index() {
    let parsed = Expression::parse("c[i + 1] * w").unwrap();
    let replaced = parsed.substitute(&|n| (n == "i").then_some(Expression::Integer(4)));
    assert_eq!(replaced, Expression::parse("c[4 + 1] * w").unwrap());
}

#[test]
fn mistakes_name_their_column() {
    assert_eq!(
        Expression::parse("2 *").unwrap_err(),
        "`2 *`: expected a number, a name or `(` at its end"
    );
    assert_eq!(
        Expression::parse("a b").unwrap_err(),
        "`a b`: expected the end at column 3, found `b`"
    );
    assert_eq!(
        Expression::parse("a ? b").unwrap_err(),
        "`a ? b`: unexpected `?` at column 3"
    );
    assert!(Expression::parse("99999999999999999999").is_err());
    assert!(Expression::parse(&"(".repeat(10_000)).is_err());
    assert!(Check::parse("a + b").is_err());
}
