//! A reader of bigWig files of its own, after the format's description (Kent and others, 2010, supplement), and of what one
//! machine writes alone: little-endian, one leaf of chromosomes, sections of bedGraph.

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

/// What a file holds.
pub struct BigWig {
    /// Names and lengths, by identifier.
    pub chromosomes: Vec<(String, u32)>,
    /// Chromosome, start, end and value.
    pub values: Vec<(u32, u32, u32, f32)>,
    /// Chromosome, start, end and valid bases of the records of all zoom levels.
    pub zooms: Vec<(u32, u32, u32, u32)>,
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.0[at..at + 2].try_into().unwrap())
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().unwrap())
    }

    fn u64(&self, at: usize) -> usize {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap()) as usize
    }

    /// Blocks of data below an index, uncompressed, in its order.
    fn blocks(&self, index: usize) -> Vec<Vec<u8>> {
        assert_eq!(self.u32(index), 0x2468_ace0);
        let mut blocks = Vec::new();
        self.node(index + 48, &mut blocks);
        blocks
    }

    fn node(&self, at: usize, blocks: &mut Vec<Vec<u8>>) {
        let (leaf, count) = (self.0[at] == 1, usize::from(self.u16(at + 2)));
        for child in 0..count {
            if !leaf {
                self.node(self.u64(at + 4 + 24 * child + 16), blocks);
                continue;
            }
            let entry = at + 4 + 32 * child;
            let (from, size) = (self.u64(entry + 16), self.u64(entry + 24));
            let mut block = Vec::new();
            let mut packed = ZlibDecoder::new(&self.0[from..from + size]);
            packed.read_to_end(&mut block).unwrap();
            blocks.push(block);
        }
    }
}

impl BigWig {
    pub fn read(path: &Path) -> Self {
        let content = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let bytes = Bytes(&content);
        assert_eq!(bytes.u32(0), 0x888f_fc26);
        assert_eq!(bytes.u32(content.len() - 4), 0x888f_fc26);
        let (levels, tree, index) = (bytes.u16(6), bytes.u64(8), bytes.u64(24));
        let (key, count) = (bytes.u32(tree + 8) as usize, bytes.u64(tree + 16));
        let chromosome = |at: usize| {
            let at = tree + 36 + at * (key + 8);
            let name = content[at..at + key]
                .split(|byte| *byte == 0)
                .next()
                .unwrap();
            (
                String::from_utf8(name.into()).unwrap(),
                bytes.u32(at + key + 4),
            )
        };
        let mut values = Vec::new();
        for block in bytes.blocks(index) {
            let block = Bytes(&block);
            assert_eq!(block.0[20], 1, "bedGraph");
            for item in 0..usize::from(block.u16(22)) {
                let at = 24 + 12 * item;
                let value = f32::from_bits(block.u32(at + 8));
                values.push((block.u32(0), block.u32(at), block.u32(at + 4), value));
            }
        }
        let levels = (0..usize::from(levels)).map(|level| bytes.u64(64 + 24 * level + 16));
        let records = levels
            .flat_map(|index| bytes.blocks(index))
            .flat_map(|block| {
                let record = |part: &[u8]| {
                    let part = Bytes(part);
                    (part.u32(0), part.u32(4), part.u32(8), part.u32(12))
                };
                block.chunks(32).map(record).collect::<Vec<_>>()
            });
        Self {
            chromosomes: (0..count).map(chromosome).collect(),
            values,
            zooms: records.collect(),
        }
    }
}
