//! Random numbers on the host and on the device.

use std::time::{SystemTime, UNIX_EPOCH};

use cuda::compile::Source;
use cuda::module::{Kernel, Module};
use cuda::{Element, Result, Span, arguments};
use half::bf16;

/// Fills memory with values in [-1, 1), each from its own place; and a kernel that hardly does anything.
pub const SOURCE: Source<'_> = Source {
    name: "probe",
    text: r#"
__device__ float place(unsigned long long i, unsigned seed) {
    unsigned long long z = i * 0x9E3779B97F4A7C15ull + seed * 0xD1B54A32D192ED03ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (float)(unsigned)(z >> 40) * (2.0f / 16777216.0f) - 1.0f;
}
extern "C" __global__ void random_bf16(unsigned short *to, unsigned long long count, unsigned seed) {
    unsigned long long stride = (unsigned long long)gridDim.x * blockDim.x;
    for (unsigned long long i = (unsigned long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride)
        to[i] = (unsigned short)(__float_as_uint(place(i, seed)) >> 16);
}
extern "C" __global__ void random_f32(float *to, unsigned long long count, unsigned seed) {
    unsigned long long stride = (unsigned long long)gridDim.x * blockDim.x;
    for (unsigned long long i = (unsigned long long)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride)
        to[i] = place(i, seed);
}
extern "C" __global__ void add_one(float *to) { to[threadIdx.x] += 1.0f; }
extern "C" __global__ void reverse(const float *from, float *to, int count) {
    extern __shared__ float shared[];
    for (int i = threadIdx.x; i < count; i += blockDim.x) shared[i] = from[i];
    __syncthreads();
    for (int i = threadIdx.x; i < count; i += blockDim.x) to[i] = shared[count - 1 - i];
}
"#,
    headers: &[],
};

/// Fills `span` on the device.
pub fn fill(module: &Module, span: &Span, element: Element, seed: u32) -> Result<()> {
    let name = if element == Element::Bf16 {
        "random_bf16"
    } else {
        "random_f32"
    };
    let kernel = module.kernel(name)?;
    let arguments = arguments![span, span.bytes() / element.bytes(), seed];
    // SAFETY: the kernel takes a pointer, a number of values and a seed, and writes so many values.
    unsafe { kernel.launch([2048, 1, 1], [256, 1, 1], 0, &arguments) }
}

/// Adds one to 32 floats.
pub fn add_one(kernel: &Kernel, values: &Span) -> Result<()> {
    // SAFETY: the kernel takes a pointer to 32 floats, which every caller's span holds.
    unsafe { kernel.launch([1, 1, 1], [32, 1, 1], 0, &arguments![values]) }
}

/// Another sequence each time the program runs (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |time| time.as_nanos() as u64);
        println!("seed {now}");
        Self(now)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number of about the standard normal distribution, as the type holds it.
    pub fn normal(&mut self, element: Element) -> f64 {
        let sum = (0..4)
            .map(|_| (self.next() >> 11) as f64 / (1u64 << 53) as f64)
            .sum::<f64>();
        round((sum - 2.0) * 3f64.sqrt(), element)
    }

    pub fn normals(&mut self, count: usize, element: Element) -> Vec<f64> {
        (0..count).map(|_| self.normal(element)).collect()
    }
}

/// The nearest value of the type, ties to even.
pub fn round(value: f64, element: Element) -> f64 {
    match element {
        Element::Bf16 => bf16::from_f64(value).to_f64(),
        Element::F32 => f64::from(value as f32),
    }
}
