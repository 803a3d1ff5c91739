use super::*;

const FIELDS: &[Field] = &[
    Field::singular("text"),
    Field::singular("number"),
    Field::singular("mean"),
    Field::singular("flag"),
    Field::singular("strand"),
    Field::repeated("child"),
    Field::of("payload", "left"),
    Field::of("payload", "right"),
];
const STRANDS: &[(&str, i64, char)] = &[("STRAND_POSITIVE", 1, '+'), ("STRAND_NEGATIVE", 2, '-')];

#[derive(Debug, Default, PartialEq)]
struct Seen {
    text: Option<String>,
    number: Option<i64>,
    mean: Option<f32>,
    flag: Option<bool>,
    strand: Option<char>,
    children: Vec<Seen>,
}

fn field(reader: &mut Reader<'_>, name: &str, seen: &mut Seen) -> Result<(), Fault> {
    match name {
        "text" => seen.text = Some(reader.string()?),
        "number" => seen.number = Some(reader.integer()?),
        "mean" => seen.mean = Some(reader.float()?),
        "flag" => seen.flag = Some(reader.boolean()?),
        "strand" => seen.strand = Some(reader.choice("Strand", STRANDS)?),
        "child" => reader.each(&mut |reader| {
            let mut child = Seen::default();
            reader.message("Child", FIELDS, &mut |reader, name| {
                field(reader, name, &mut child)
            })?;
            seen.children.push(child);
            Ok(())
        })?,
        _ => reader.message("Side", FIELDS, &mut |reader, name| {
            field(reader, name, seen)
        })?,
    }
    Ok(())
}

fn read(text: &str) -> Result<Seen, Fault> {
    let mut seen = Seen::default();
    Reader::new(text)?.document("Root", FIELDS, &mut |reader, name| {
        field(reader, name, &mut seen)
    })?;
    Ok(seen)
}

#[track_caller]
fn fails(text: &str, line: usize, column: usize, problem: &str) {
    let fault = read(text).expect_err(text);
    assert!(
        fault.problem.contains(problem),
        "{text:?}: {}",
        fault.problem
    );
    assert_eq!(
        (fault.position.line, fault.position.column),
        (line, column),
        "{text:?}: {}",
        fault.problem
    );
}

#[test]
fn reads_scalars_in_all_their_spellings() {
    assert_eq!(
        read("text: 'a' \"b\"\n'c'").unwrap().text.as_deref(),
        Some("abc")
    );
    for (text, number) in [
        ("number: 84", 84),
        ("number:-0x1f", -31),
        ("number: 017", 15),
        ("number: 0", 0),
        ("number: -9223372036854775808", i64::MIN),
        ("number: 9223372036854775807;", i64::MAX),
    ] {
        assert_eq!(read(text).unwrap().number, Some(number), "{text}");
    }
    for (text, mean) in [
        ("mean: 0.73974097", 0.739_740_97),
        ("mean: 1.5f", 1.5),
        ("mean: .5e+1", 5.0),
        ("mean: -2E-1", -0.2),
        ("mean: 3", 3.0),
        ("mean: 3.", 3.0),
        ("mean: 1e-60", 0.0),
        ("mean: -inf", f32::NEG_INFINITY),
        ("mean: Infinity", f32::INFINITY),
    ] {
        assert_eq!(read(text).unwrap().mean, Some(mean), "{text}");
    }
    assert!(read("mean: nan").unwrap().mean.unwrap().is_nan());
    for (text, flag) in [
        ("flag: true", true),
        ("flag: t", true),
        ("flag: 1", true),
        ("flag: False", false),
        ("flag: 0", false),
    ] {
        assert_eq!(read(text).unwrap().flag, Some(flag), "{text}");
    }
    for text in ["strand: STRAND_NEGATIVE", "strand: 2", "strand: 0x2"] {
        assert_eq!(read(text).unwrap().strand, Some('-'), "{text}");
    }
}

#[test]
fn a_double_is_rounded_to_the_float() {
    // Just below the middle of two floats, but the nearest double is that middle: rounding once would go down.
    let text = "mean: 1.00000017881393421514957253748434595763683319091796875001";
    assert_eq!(read(text).unwrap().mean, Some(1.0 + 2.0 * f32::EPSILON));
}

#[test]
fn reads_messages_in_every_form() {
    let expected = [1, 2, 3].map(|number| Seen {
        number: Some(number),
        ..Seen::default()
    });
    for text in [
        "child { number: 1 } child: < number: 2 > child { number: 3 }",
        "child: [{ number: 1 }, <number: 2>, { number: 3, }]",
        "child [{number:1}] child: [] ; child { number: 2 }, # two\n child{number:3}",
    ] {
        assert_eq!(read(text).unwrap().children, expected, "{text}");
    }
    assert_eq!(read("").unwrap(), Seen::default());
    assert_eq!(read("# nothing").unwrap(), Seen::default());
}

#[test]
fn names_the_nearest_field_or_value() {
    fails(
        "text: 'a'\n  strnd: 1",
        2,
        3,
        "unknown field `strnd` in Root; did you mean `strand`?",
    );
    fails("zzz: 1", 1, 1, "known are text, number");
    fails(
        "strand: STRAND_NEGATIV",
        1,
        9,
        "unknown Strand `STRAND_NEGATIV`; did you mean `STRAND_NEGATIVE`?",
    );
    fails("strand: 7", 1, 9, "Strand has no value 7");
    fails(
        "strand: 'x'",
        1,
        9,
        "expected a name of Strand, found a string",
    );
}

#[test]
fn refuses_a_field_that_comes_twice() {
    fails(
        "number: 1\nnumber: 1",
        2,
        1,
        "`number` is given twice in one Root",
    );
    fails(
        "left { } right { }",
        1,
        10,
        "`left` and `right` exclude each other",
    );
    fails("left { } left { }", 1, 10, "`left` is given twice");
}

#[test]
fn refuses_unbalanced_and_truncated_text() {
    fails("child {\n number: 1", 1, 7, "never closed");
    fails(
        "child { number: 1 >",
        1,
        19,
        "expected a field of Child, found `>`",
    );
    fails("}", 1, 1, "expected a field of Root, found `}`");
    fails(
        "child [{}",
        1,
        10,
        "expected `,` or `]`, found the end of the file",
    );
    fails("child [{} {}]", 1, 11, "expected `,` or `]`, found `{`");
    fails(
        "child",
        1,
        6,
        "expected `{` of a Child, found the end of the file",
    );
    fails("number", 1, 7, "expected `:`");
    fails(
        "number:",
        1,
        8,
        "expected an integer, found the end of the file",
    );
    fails("text: 5", 1, 7, "expected a string, found `5`");
    fails("text: 'é' 'open", 1, 11, "never closed");
    fails("text { }", 1, 6, "expected `:`, found `{`");
    fails("5: 1", 1, 1, "expected a field of Root, found `5`");
    fails("[ext.name]: 1", 1, 1, "expected a field of Root");
}

#[test]
fn refuses_numbers_out_of_range_or_malformed() {
    fails(
        "number: 9223372036854775808",
        1,
        9,
        "does not fit a 64-bit integer",
    );
    fails(
        "number: 99999999999999999999999999999999999999999999",
        1,
        9,
        "does not fit",
    );
    fails("number: 1.5", 1, 9, "is not an integer");
    fails("number: 08", 1, 9, "is not an integer");
    fails("number: 0x", 1, 9, "is not an integer");
    fails("number: 12abc", 1, 9, "`12abc` is not an integer");
    fails("mean: 1e39", 1, 7, "beyond a 32-bit float");
    fails("mean: 1e999", 1, 7, "beyond a 64-bit float");
    fails("mean: 1.2.3", 1, 7, "is not a number");
    fails("mean: 0x10", 1, 7, "is not a number");
    fails("mean: 1e", 1, 7, "is not a number");
    fails("mean: -nope", 1, 8, "expected a number, found `nope`");
    fails("flag: maybe", 1, 7, "expected true or false");
}

#[test]
fn deep_nesting_costs_no_stack() {
    let bomb = "child ".to_owned() + &"{".repeat(1 << 20);
    fails(&bomb, 1, 8, "expected a field of Child, found `{`");
    let bomb = "child ".to_owned() + &"[".repeat(1 << 20);
    fails(&bomb, 1, 8, "expected `{` of a Child, found `[`");
}

#[test]
fn refuses_escapes_that_make_no_text() {
    fails(r"text: '\377'", 1, 7, "invalid UTF-8");
    assert_eq!(
        read(r"text: '\303' '\251'").unwrap().text.as_deref(),
        Some("é")
    );
}
