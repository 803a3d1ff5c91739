//! Pages of variants and of mutagenesis, against the tables that the same run writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Inputs, MODEL, recorded};

/// The files of a folder, by name.
fn folder(path: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(read).collect()
}

/// Texts of the cells of a table's rows, without markup.
fn cells(page: &str, section: &str) -> Vec<Vec<String>> {
    let (_, page) = page
        .split_once(&format!("<section id=\"{section}\">"))
        .unwrap();
    let (page, _) = page.split_once("</section>").unwrap();
    let (_, body) = page.split_once("<tbody>").unwrap();
    let plain = |cell: &str| {
        let (_, text) = cell.split_once('>').unwrap();
        let mut parts = text.split('<');
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |text, part| {
            text + part.split_once('>').map_or("", |part| part.1)
        })
    };
    let row = |row: &str| {
        let cells = row.replace("<th", "<td");
        cells.split("<td").skip(1).map(plain).collect()
    };
    body.split("<tr>").skip(1).map(row).collect()
}

/// Holds a page to loading nothing: a policy, and links to pages beside it or places in it.
fn holds_everything(page: &str) {
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    for loading in [
        "http:", "https:", "src=", "url(", "@import", "<link", "<iframe", "<object", "//www",
    ] {
        assert!(!page.contains(loading), "{loading}");
    }
    for link in page.split("href=\"").skip(1) {
        let target = link.split('"').next().unwrap();
        let file = target.ends_with(".html") && !target.contains('/');
        assert!(target.starts_with('#') || file, "{target}");
    }
}

fn arguments<'a>(vcf: &'a str, out: &'a str, html: &'a str) -> Vec<&'a str> {
    vec![
        "--vcf", vcf, "--length", "16k", "--out", out, "--html", html,
    ]
}

/// The row that is largest in size of each scorer; the first of equal ones.
fn strongest(
    rows: &[BTreeMap<String, String>],
) -> BTreeMap<(String, String), BTreeMap<String, String>> {
    let size = |row: &BTreeMap<String, String>, column: &str| {
        row.get(column)
            .and_then(|text| text.parse::<f32>().ok())
            .map(f32::abs)
    };
    let mut best: BTreeMap<_, BTreeMap<String, String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| size(row, "raw_score").is_some()) {
        let key = (row["variant_id"].clone(), row["variant_scorer"].clone());
        let sizes = |row| {
            (
                size(row, "quantile_score").unwrap_or(0.0),
                size(row, "raw_score").unwrap(),
            )
        };
        let known = best.entry(key).or_insert_with(|| row.clone());
        if sizes(row) > sizes(known) {
            known.clone_from(row);
        }
    }
    best
}

#[test]
fn a_page_has_the_numbers_of_the_table() {
    let inputs = Inputs::new();
    let names = ["s11", "i01", "d01", "m01"];
    let text = fs::read_to_string(recorded("example.vcf")).unwrap();
    let wanted = |line: &&str| {
        line.starts_with('#')
            || names
                .iter()
                .any(|name| line.contains(&format!("\t{name}\t")))
    };
    inputs.write(
        "few.vcf",
        text.lines().filter(wanted).collect::<Vec<_>>().join("\n") + "\n",
    );
    fs::copy(recorded("calibration.pb"), inputs.path("calibration.pb")).unwrap();
    for (quantiles, out, html) in [
        (false, "a.tsv", "a"),
        (false, "b.tsv", "b"),
        (true, "c.tsv", "c"),
    ] {
        let mut all = arguments("few.vcf", out, html);
        if quantiles {
            all.extend(["--quantiles", "calibration.pb"]);
        }
        inputs
            .score(&all)
            .expect_code(0)
            .expect_message(&["pages of 4 variants", "index.html"]);
        let pages = folder(&inputs.path(html));
        assert_eq!(pages.len(), 5, "{:?}", pages.keys());
        let best = strongest(&inputs.rows(out).rows());
        let ids: BTreeSet<_> = best.keys().map(|key| key.0.clone()).collect();
        let index = cells(&pages["index.html"], "variants");
        assert_eq!(index.len(), 4);
        for page in pages.values() {
            holds_everything(page);
        }
        for (row, id) in index.iter().zip([
            "chr1:42101:G>T",
            "chr1:42106:A>AA",
            "chr1:42111:CT>C",
            "chr1:42121:TT>AA",
        ]) {
            assert!(ids.contains(id));
            assert_eq!(row[0], id.replace('>', "&gt;"));
            let file = pages
                .keys()
                .find(|name| name.contains(&id.replace([':', '>'], "-")))
                .unwrap();
            let page = &pages[file];
            assert!(page.contains(&format!("<title>{}</title>", row[0])));
            let shown = cells(page, "scores");
            let known: Vec<_> = best
                .iter()
                .filter(|((variant, _), _)| variant == id)
                .collect();
            assert_eq!(shown.len(), known.len());
            for ((_, scorer), row) in known {
                let shown = shown.iter().find(|shown| shown[0] == *scorer).unwrap();
                let kind = if scorer.contains("ACTIVE") || scorer.contains("Active") {
                    "activity"
                } else {
                    "change"
                };
                assert_eq!(
                    (&*shown[1], &shown[2]),
                    (kind, &row["raw_score"]),
                    "{id} {scorer}"
                );
                let at = usize::from(quantiles);
                if quantiles {
                    let known = row["quantile_score"].clone();
                    let missing = known.is_empty();
                    assert_eq!(shown[3], if missing { "\u{2013}".into() } else { known });
                }
                assert_eq!(
                    [&shown[3 + at], &shown[4 + at]],
                    [&row["track_name"], &row["track_strand"]]
                );
                assert_eq!(shown[6 + at], row["gene_name"], "{scorer}");
            }
        }
    }
    assert!(
        folder(&inputs.path("a")) == folder(&inputs.path("b")),
        "the bytes depend on the results alone"
    );
}

#[test]
fn names_from_files_are_text_and_nothing_else() {
    let inputs = Inputs::new();
    let name = "<img src=x onerror=alert(1)>\u{202e}&MAIN";
    let text = inputs
        .text("annotation.gtf.gz")
        .replace("\"MAIN1\"", &format!("\"{name}\""));
    inputs.write("hostile.gtf", text);
    let id = "</title><script>alert('1')</script>";
    inputs.write(
        "hostile.vcf",
        format!("#CHROM\tPOS\tID\tREF\tALT\nchr1\t42101\t{id}\tG\tT\n"),
    );
    fs::create_dir(inputs.path("model")).unwrap();
    for entry in fs::read_dir(&*MODEL).unwrap() {
        let file = entry.unwrap();
        fs::copy(file.path(), inputs.path("model").join(file.file_name())).unwrap();
    }
    let tracks = inputs.text("model/tracks.json");
    let tracks = tracks.replace("\"tissue", "\"<u>&\u{2067}tissue");
    inputs.write("model/tracks.json", tracks);
    let all = arguments("hostile.vcf", "out.tsv", "pages");
    let open = [
        "score",
        "--model",
        "model",
        "--fasta",
        "genome.fa.gz",
        "--gtf",
        "hostile.gtf",
    ];
    inputs
        .alphagenome(&[&open[..], &all].concat())
        .expect_code(0);
    let pages = folder(&inputs.path("pages"));
    assert_eq!(pages.len(), 2);
    for page in pages.values() {
        for bad in ["<img", "<u>", "\u{202e}", "\u{2067}"] {
            assert!(!page.contains(bad), "{bad}");
        }
        assert!(page.contains("&lt;u&gt;&amp;\\u2067tissue"));
        assert_eq!(page.matches("<script").count(), 1);
        assert_eq!(
            page.matches("</title>").count(),
            page.matches("<title>").count()
        );
        assert!(page.contains("&lt;/title&gt;&lt;script&gt;alert('1')"));
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;\\u202e&amp;MAIN"));
    }
}

#[test]
fn a_killed_run_gives_the_same_pages() {
    let inputs = Inputs::new();
    let text = fs::read_to_string(recorded("variants.vcf")).unwrap();
    let lines: Vec<_> = text.lines().take(16).collect();
    inputs.write("variants.vcf", lines.join("\n") + "\n");
    let with = |out: &'static str, html: &'static str| {
        let all = [
            "--vcf",
            "variants.vcf",
            "--length",
            "4k",
            "--batch",
            "2",
            "--html-top",
            "3",
            "--out",
            out,
            "--html",
            html,
        ];
        all.to_vec()
    };
    let whole = inputs.score(&with("whole.tsv", "whole"));
    whole.expect_message(&["pages of 3 variants of 12", "--html-top"]);
    let partial = inputs.path("killed.tsv.partial");
    for wanted in [
        "000000000000.json",
        "000000000004.json",
        "000000000008.json",
    ] {
        let mut command = inputs.command("score", &with("killed.tsv", "killed"));
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begin = Instant::now();
        while !partial.join(wanted).exists() && begin.elapsed() < Duration::from_secs(120) {
            sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(partial.join(wanted).exists() && folder(&inputs.path("killed")).is_empty());
    }
    // Other pages are another run.
    let other = with("killed.tsv", "killed");
    let other = [&other[..], &["--html-window", "2k"]].concat();
    inputs
        .score(&other)
        .expect_code(2)
        .expect_message(&["other settings", "(html)"]);
    inputs
        .score(&with("killed.tsv", "killed"))
        .expect_code(whole.code());
    let pages = folder(&inputs.path("whole"));
    assert_eq!(pages.len(), 4);
    assert!(
        pages == folder(&inputs.path("killed")),
        "the pages are the same"
    );
    // The three strongest of the table, by the index's own order of size.
    let best = strongest(&inputs.rows("whole.tsv").rows());
    let mut sizes: BTreeMap<String, f32> = BTreeMap::new();
    for ((variant, scorer), row) in best {
        if !scorer.contains("ACTIVE") && !scorer.contains("Active") {
            let size = row["raw_score"].parse::<f32>().unwrap().abs();
            let known = sizes.entry(variant).or_insert(size);
            *known = known.max(size);
        }
    }
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let strongest: BTreeSet<_> = sizes
        .iter()
        .take(3)
        .map(|size| size.0.replace('>', "&gt;"))
        .collect();
    let listed: BTreeSet<_> = cells(&pages["index.html"], "variants")
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(listed, strongest);
}

#[test]
fn what_stands_in_the_folder_is_kept() {
    let inputs = Inputs::new();
    inputs.write(
        "one.vcf",
        "#CHROM\tPOS\tID\tREF\tALT\nchr1\t42101\t.\tG\tT\n",
    );
    fs::create_dir(inputs.path("pages")).unwrap();
    inputs.write("pages/notes.txt", "mine");
    let page = "<p class=\"brand\">alphagenome</p>";
    inputs.write("pages/000000007-old.html", page);
    inputs.write("pages/index.html", "another's");
    let mut all = arguments("one.vcf", "out.tsv", "pages");
    inputs
        .score(&all)
        .expect_code(2)
        .expect_message(&["pages is not empty", "--force"]);
    assert!(!inputs.path("out.tsv.partial").exists());
    all.push("--force");
    for name in ["index.html", "000000007-old.html"] {
        let path = format!("pages/{name}");
        inputs.write(&path, "another's");
        inputs.score(&all).expect_code(2).expect_message(&[
            &path[..],
            "is no page of this program",
            "--html",
        ]);
        assert_eq!(inputs.text(&path), "another's");
        inputs.write(&path, page);
    }
    inputs.score(&all).expect_code(0);
    // Its own pages are replaced.
    inputs.score(&all).expect_code(0);
    let names: Vec<_> = folder(&inputs.path("pages")).into_keys().collect();
    assert_eq!(
        names,
        ["000000000-chr1-42101-G-T.html", "index.html", "notes.txt"]
    );
    inputs.write("file", "no folder");
    let all = arguments("one.vcf", "more.tsv", "file");
    inputs
        .score(&all)
        .expect_code(2)
        .expect_message(&["--html file"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_said_before_all_is_scored() {
    let inputs = Inputs::new();
    inputs.write(
        "one.vcf",
        "#CHROM\tPOS\tID\tREF\tALT\nchr1\t42101\t.\tG\tT\n",
    );
    std::os::unix::fs::symlink("nowhere/pages", inputs.path("pages")).unwrap();
    inputs
        .score(&arguments("one.vcf", "out.tsv", "pages"))
        .expect_code(2)
        .expect_message(&["--html pages: cannot be written"]);
    let model = MODEL.to_str().unwrap();
    let predict = [
        "predict",
        "--model",
        model,
        "--fasta",
        "genome.fa.gz",
        "--vcf",
        "one.vcf",
        "--outputs",
        "atac",
        "--length",
        "2k",
        "--out",
        "out.npz",
        "--html",
        "pages",
    ];
    inputs
        .alphagenome(&predict)
        .expect_code(2)
        .expect_message(&["--html pages: cannot be written"]);
    for left in [
        "out.tsv",
        "out.tsv.partial",
        "out.npz",
        "out.npz.unfinished",
    ] {
        assert!(!inputs.path(left).exists(), "{left}");
    }
}

#[test]
fn predictions_have_pages_without_scores() {
    let inputs = Inputs::new();
    let model = MODEL.to_str().unwrap();
    let run = |more: &[&str]| {
        let all = [
            "predict",
            "--model",
            model,
            "--fasta",
            "genome.fa.gz",
            "--gtf",
            "annotation.gtf.gz",
        ];
        inputs.alphagenome(&[&all[..], more].concat())
    };
    let variant = [
        "--length",
        "16k",
        "--variant",
        "chr1:42101:G>T",
        "--outputs",
        "atac,dnase",
    ];
    run(&[
        variant,
        ["--out", "both.npz", "--html", "pages", "--as", "0.3.0"],
    ]
    .concat())
    .expect_code(0)
    .expect_message(&["pages of 1 variants"]);
    let pages = folder(&inputs.path("pages"));
    assert_eq!(pages.len(), 2);
    for page in pages.values() {
        holds_everything(page);
        assert!(!page.contains("id=\"scores\""));
    }
    let page = &pages["000000000-chr1-42101-G-T.html"];
    assert_eq!(page.matches("<figure>").count(), 2);
    assert!(page.contains("ATAC") && page.contains("DNASE") && page.contains("MAIN1"));
    let region = ["--region", "chr1:1-4,096"];
    let out = ["--out", "other.npz", "--html", "other"];
    run(&[&region[..], &out].concat())
        .expect_code(2)
        .expect_message(&["--html draws both alleles", "--variant"]);
}

#[test]
fn letters_are_as_high_as_the_table_says() {
    let inputs = Inputs::new();
    let run = |out: &str, html: &str, more: &[&str]| {
        let all = [
            "--region",
            "chr1:42,301-42,308",
            "--window",
            "4k",
            "--out",
            out,
            "--html",
            html,
        ];
        inputs.run("ism", &[&all[..], more].concat())
    };
    run("ism.tsv", "ism.html", &[]).expect_code(0);
    let scorer =
        "CenterMaskScorer(requested_output=DNASE, width=501, aggregation_type=DIFF_LOG2_SUM)";
    let rows = inputs.rows("ism.tsv").rows();
    let track = rows
        .iter()
        .find(|row| row["variant_scorer"] == scorer)
        .unwrap()["track_name"]
        .clone();
    run(
        "named.tsv",
        "named.html",
        &["--html-scorer", scorer, "--html-track", &track],
    )
    .expect_code(0);
    let change = |row: &&BTreeMap<String, String>| {
        let scorer = &row["variant_scorer"];
        !scorer.contains("ACTIVE") && !scorer.contains("Active")
    };
    let size =
        |row: &BTreeMap<String, String>| row["raw_score"].parse::<f32>().map_or(0.0, f32::abs);
    let strongest = rows
        .iter()
        .filter(change)
        .reduce(|best, row| if size(row) > size(best) { row } else { best });
    let named = rows
        .iter()
        .find(|row| row["variant_scorer"] == scorer && row["track_name"] == track);
    for (file, known) in [
        ("ism.html", strongest.unwrap()),
        ("named.html", named.unwrap()),
    ] {
        let page = inputs.text(file);
        holds_everything(&page);
        let values = cells(&page, "values");
        assert_eq!(values.len(), 8);
        let key = ["variant_scorer", "track_name", "track_strand", "gene_id"];
        for (at, shown) in values.iter().enumerate() {
            assert_eq!(shown[0], format!("42,{}", 301 + at));
            let score = |base: &str| {
                let id = format!("chr1:{}:{}>{base}", 42301 + at, shown[1]);
                let same = |row: &&BTreeMap<String, String>| {
                    row["variant_id"] == id && key.iter().all(|name| row[*name] == known[*name])
                };
                rows.iter()
                    .filter(same)
                    .map(|row| row["raw_score"].clone())
                    .max_by(|a, b| {
                        let size = |text: &str| text.parse::<f32>().unwrap().abs();
                        size(a).total_cmp(&size(b))
                    })
            };
            let scores: Vec<_> = ["A", "C", "G", "T"].into_iter().map(score).collect();
            for (base, (score, shown)) in scores.iter().zip(&shown[2..6]).enumerate() {
                assert_eq!(score.as_deref().unwrap_or("\u{2013}"), shown, "{at} {base}");
            }
            let sum: f32 = scores
                .iter()
                .flatten()
                .map(|score| score.parse::<f32>().unwrap())
                .sum();
            assert_eq!(scores.iter().flatten().count(), 3);
            assert_eq!(shown[6].parse::<f32>().unwrap(), 0.0 - sum / 3.0);
        }
        // A letter is as high as its number, on one scale for all.
        let letters = page.split("<path class=\"base b").skip(1);
        let scales: Vec<f64> = letters
            .map(|letter| {
                let (_, scale) = letter.split_once("scale(").unwrap();
                scale.split([' ', ')']).nth(1).unwrap().parse().unwrap()
            })
            .collect();
        let heights: Vec<f64> = values.iter().map(|row| row[6].parse().unwrap()).collect();
        let most = heights
            .iter()
            .fold(0.0, |most: f64, height| most.max(height.abs()));
        let largest = scales
            .iter()
            .fold(0.0, |most: f64, scale| most.max(scale.abs()));
        for (scale, height) in scales.iter().zip(&heights) {
            assert!(
                (scale / largest - height / most).abs() < 2e-3,
                "{scale} {height}"
            );
        }
        assert_eq!(scales.len(), 8);
    }
    let wrong = run(
        "wrong.tsv",
        "wrong.html",
        &["--html-track", "no such track"],
    );
    wrong
        .expect_code(2)
        .expect_message(&["no such track", "track_name"]);
}
