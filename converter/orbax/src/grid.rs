//! Regular grids of chunks: every chunk has the same shape, and those at the end reach beyond the array.

/// Returns the number of elements of a shape, or `None` if it does not fit.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |product, &width| product.checked_mul(width))
}

/// Counts through all indices of a grid in C order, without the grid ever being in memory.
pub(crate) struct Indices {
    counts: Vec<usize>,
    next: Option<Vec<usize>>,
}

impl Indices {
    pub(crate) fn new(counts: Vec<usize>) -> Self {
        let next = (!counts.contains(&0)).then(|| vec![0; counts.len()]);
        Self { counts, next }
    }
}

impl Iterator for Indices {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let current = self.next.take()?;
        let mut following = current.clone();
        for axis in (0..following.len()).rev() {
            following[axis] += 1;
            if following[axis] < self.counts[axis] {
                self.next = Some(following);
                break;
            }
            following[axis] = 0;
        }
        Some(current)
    }
}

/// Returns how many chunks lie along each axis. No width of `chunk` may be 0.
pub(crate) fn counts(shape: &[usize], chunk: &[usize]) -> Vec<usize> {
    shape
        .iter()
        .zip(chunk)
        .map(|(width, chunk)| width.div_ceil(*chunk))
        .collect()
}

/// Where a chunk lies in an array: its corner, and the part of it that is inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) start: Vec<usize>,
    pub(crate) shape: Vec<usize>,
}

impl Region {
    /// Gives `None` if the chunk with this corner lies outside the array.
    pub(crate) fn new(shape: &[usize], chunk: &[usize], start: Vec<usize>) -> Option<Self> {
        let shape = start
            .iter()
            .zip(shape)
            .zip(chunk)
            .map(|((&start, &width), &chunk)| width.checked_sub(start).map(|left| left.min(chunk)))
            .collect::<Option<Vec<_>>>()?;
        (!shape.contains(&0)).then_some(Self { start, shape })
    }

    /// Returns where the region starts in the array, in elements, if it is one run of elements there.
    pub(crate) fn contiguous(&self, array: &[usize]) -> Option<usize> {
        let first_wide = self
            .shape
            .iter()
            .position(|&width| width > 1)
            .unwrap_or(array.len());
        let whole = (first_wide + 1..array.len()).all(|axis| self.shape[axis] == array[axis]);
        whole.then(|| offset(array, self.start.iter().copied()))
    }

    /// Copies the region out of a chunk into the array, both in C order with elements of `size` bytes.
    pub(crate) fn copy(
        &self,
        chunk: &[u8],
        chunk_shape: &[usize],
        array: &mut [u8],
        array_shape: &[usize],
        size: usize,
    ) {
        // Axes at the end that are whole in the region, the chunk and the array make longer runs.
        let whole = |axis: &usize| {
            self.shape[*axis] == chunk_shape[*axis] && self.shape[*axis] == array_shape[*axis]
        };
        let tail = (0..self.shape.len()).rev().take_while(whole).count();
        let split = self.shape.len().saturating_sub(tail + 1);
        let run = self.shape[split..].iter().product::<usize>() * size;
        let outer = &self.shape[..split];
        let mut index = vec![0; self.shape.len()];
        loop {
            let from = offset(chunk_shape, index.iter().copied()) * size;
            let to = offset(
                array_shape,
                index
                    .iter()
                    .zip(&self.start)
                    .map(|(index, start)| index + start),
            ) * size;
            array[to..to + run].copy_from_slice(&chunk[from..from + run]);
            let Some(axis) = (0..split).rev().find(|&axis| index[axis] + 1 < outer[axis]) else {
                break;
            };
            index[axis] += 1;
            index[axis + 1..].fill(0);
        }
    }
}

fn offset(shape: &[usize], index: impl Iterator<Item = usize>) -> usize {
    shape
        .iter()
        .zip(index)
        .fold(0, |offset, (width, index)| offset * width + index)
}
