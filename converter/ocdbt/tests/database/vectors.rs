//! Byte-literal test vectors, field by field. The first was written by TensorStore, the second by Orbax.

use ocdbt::{
    Compression, Database, Kind, Limits, Manifest, MemoryStore, Node, Statistics, Store, Value,
    open_envelope,
};

const LEAF_FILE: &str = "d/d6d910ed268e6ab3d28f74d50c12bbc2";
/// A value of 7 bytes, then a leaf.
const LEAF: &str = "6c6f6e676572210cdb20de4800000000000000000000012200642f6436643931306564323638653661623364323866373464353063\
                    31326262633202020301612f7879020700010000686909451ab3";
const MANIFEST: &str = "0cdb3a2a86000000000000000000000102030405060708090a0b0c0d0e0f0004808080040400020000220000642f643664393130\
                        656432363865366162336432386637346435306331326262633202010200000001ffffffffffffffffff0107ffffffffffffffff\
                        ff014800020048000758095d4be7e4e9182f21c44be7e4e91800df757454";
const ORBAX: &str = "0cdb3a2a7600000000000000000128b52ffd205bd902002b71c1d44d9d450581a53259dc442b6e00800880c2d72f0401000000000122\
                     00642f31643031633162616166376134643239643635633162373162616163396137300101000000aeb904e204aeb904d5b20addc2d4\
                     2637e4e918007a1d29b1";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn a_leaf() {
    let bytes = bytes(LEAF);
    assert_eq!(bytes.len(), 79);
    let node = Node::parse(&bytes[7..], 0, "", &Limits::default()).unwrap();
    assert_eq!(node.len(), 2);
    assert_eq!([node.key(0), node.key(1)], [b"a/x", b"a/y"]);
    let [
        Value::Inline(hi),
        Value::Indirect {
            file,
            offset,
            length,
        },
    ] = node.values().unwrap()
    else {
        panic!("{node:?}")
    };
    assert_eq!(&**hi, b"hi");
    assert_eq!(
        (file.path(), file.base(), *offset, *length),
        (LEAF_FILE, "", 0, 7)
    );
    assert!(node.children().is_none());
}

#[test]
fn a_manifest_of_two_versions() {
    let manifest = Manifest::parse(&bytes(MANIFEST), "", &Limits::default()).unwrap();
    let config = manifest.config;
    assert_eq!(
        config.uuid,
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    );
    assert_eq!(config.max_inline_value_bytes, 4);
    assert_eq!(config.max_decoded_node_bytes, 8 << 20);
    assert_eq!(config.version_tree_arity_log2, 4);
    assert_eq!(config.compression, Compression::None);
    let versions = manifest.versions.unwrap();
    assert_eq!(
        versions
            .iter()
            .map(|version| version.generation)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(
        (versions[0].root.as_ref(), versions[0].statistics),
        (None, Statistics::default())
    );
    let root = versions[1].root.as_ref().unwrap();
    assert_eq!(
        (root.file.path(), root.offset, root.length, root.height),
        (LEAF_FILE, 7, 72, 0)
    );
    let statistics = Statistics {
        keys: 2,
        tree_bytes: 72,
        indirect_value_bytes: 7,
    };
    assert_eq!(versions[1].statistics, statistics);
    assert_eq!(versions[1].commit_time, 0x18e9_e4e7_4bc4_212f);
}

#[test]
fn a_compressed_manifest_of_orbax() {
    let body = open_envelope(Kind::Manifest, &bytes(ORBAX), 1000)
        .unwrap()
        .into_owned();
    assert_eq!(body.len(), 91);
    let manifest = Manifest::parse(&bytes(ORBAX), "", &Limits::default()).unwrap();
    assert_eq!(manifest.config.max_inline_value_bytes, 1024);
    assert_eq!(manifest.config.max_decoded_node_bytes, 100_000_000);
    assert_eq!(manifest.config.compression, Compression::Zstd { level: 0 });
    let [version] = &manifest.versions.unwrap()[..] else {
        panic!("one version is expected")
    };
    let root = version.root.as_ref().unwrap();
    assert_eq!(root.file.path(), "d/1d01c1baaf7a4d29d65c1b71baac9a70");
    assert_eq!(
        (version.generation, root.offset, root.length, root.height),
        (1, 0, 72_878, 0)
    );
    let statistics = Statistics {
        keys: 610,
        tree_bytes: 72_878,
        indirect_value_bytes: 170_325,
    };
    assert_eq!(version.statistics, statistics);
}

#[test]
fn the_example_is_the_vector() {
    let store = MemoryStore::example();
    assert_eq!(*store.read_all("manifest.ocdbt").unwrap(), bytes(MANIFEST));
    assert_eq!(*store.read_all(LEAF_FILE).unwrap(), bytes(LEAF));
    assert_eq!(store.list("").unwrap(), ["d/", "manifest.ocdbt"]);
    assert_eq!(store.list("d/d6").unwrap(), [LEAF_FILE]);
    assert_eq!(Database::open(store).unwrap().entries().count(), 2);
}

#[test]
fn an_empty_database() {
    // The example's manifest without its second version.
    let body = [
        (0..16).collect::<Vec<u8>>(),
        vec![0, 4, 0, 4, 0, 1, 0, 0, 1, 1, 0, 0],
        [&[0xff; 9][..], &[1]].concat().repeat(2),
        vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let manifest = crate::writer::envelope(crate::writer::MANIFEST, 0, &body);
    let database = Database::open(MemoryStore::from_iter([("manifest.ocdbt", manifest)])).unwrap();
    assert_eq!(database.version().root, None);
    assert_eq!(database.entries().count(), 0);
    assert_eq!(database.get(b"a").unwrap(), None);
}
