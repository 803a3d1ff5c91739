// Splice junctions: the best positions, their embeddings, and the products of all donors with all acceptors.

// The k best of n probabilities of each kind of site, ascending by position: of equal ones the lower positions count, those
// under the threshold become -1 and stand last. Probabilities are not negative, so their bits order as they do, and the
// k-th largest is found digit by digit of eight bits. Blocks of 256 threads, 4096 positions each; blockIdx.y is the kind.
// The state of a kind: a histogram a digit, then for every block how many it keeps above the k-th, and how many equal it.
#define BLOCK_POSITIONS 4096
#define DIGITS 256

// The sum of the values of the threads before this one, and that of all.
static __device__ __forceinline__ u32 scan_before(u32 value, u32& all, u32* shared) {
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  u32 sum = value;
  for (int d = 1; d < 32; d <<= 1) {
    u32 other = __shfl_up_sync(~0u, sum, d);
    if (lane >= d) sum += other;
  }
  __syncthreads();
  if (lane == 31) shared[warp] = sum;
  __syncthreads();
  u32 before = 0;
  all = 0;
  for (int w = 0; w < (int)(blockDim.x >> 5); w++) {
    if (w < warp) before += shared[w];
    all += shared[w];
  }
  return before + sum - value;
}

// The leading `digits` digits of the k-th largest value, and how many of those that share them are wanted.
static __device__ __forceinline__ void leading_digits(const u32* histograms, int digits, u32& prefix, u32& wanted, u32* shared) {
  for (int digit = 0; digit < digits; digit++) {
    // Thread 0 has the largest digit.
    u32 mine = DIGITS - 1 - threadIdx.x, count = histograms[digit * DIGITS + mine], all;
    u32 larger = scan_before(count, all, shared);
    __syncthreads();
    if (larger < wanted && (larger + count >= wanted || mine == 0)) {
      shared[0] = mine;
      shared[1] = wanted - larger;
    }
    __syncthreads();
    prefix |= shared[0] << (24 - 8 * digit);
    wanted = shared[1];
  }
}

extern "C" __global__ void zero_integers(u32* x, int n) { GRID_STRIDE(i, n) x[i] = 0; }

// The histogram of the digit `digit` of all values that share the digits before it.
extern "C" __global__ void digit_histogram(const float* probabilities, u32* states, i64 all, i64 first, int n, int k, int state,
                                           int digit) {
  __shared__ u32 histogram[DIGITS], shared[32];
  u32* histograms = states + (i64)blockIdx.y * state;
  const float* from = probabilities + blockIdx.y * all + first;
  u32 prefix = 0, wanted = k < n ? k : n;
  leading_digits(histograms, digit, prefix, wanted, shared);
  histogram[threadIdx.x] = 0;
  __syncthreads();
  int shift = 24 - 8 * digit;
  u32 mask = digit == 0 ? 0 : ~0u << (shift + 8);
  int end = min(n, (int)(blockIdx.x + 1) * BLOCK_POSITIONS);
  for (int i = blockIdx.x * BLOCK_POSITIONS + threadIdx.x; i < end; i += blockDim.x) {
    u32 bits = __float_as_uint(from[i]);
    if ((bits & mask) == prefix) atomicAdd(&histogram[(bits >> shift) & 255], 1);
  }
  __syncthreads();
  if (histogram[threadIdx.x]) atomicAdd(&histograms[digit * DIGITS + threadIdx.x], histogram[threadIdx.x]);
}

// What each block keeps: values above the k-th that reach the threshold, and values that equal it.
extern "C" __global__ void count_best(const float* probabilities, u32* states, i64 all, i64 first, int n, int k, int state,
                                      float threshold) {
  __shared__ u32 shared[32];
  u32* histograms = states + (i64)blockIdx.y * state;
  const float* from = probabilities + blockIdx.y * all + first;
  u32 least = 0, ties = k < n ? k : n, above = 0, equal = 0, total;
  leading_digits(histograms, 4, least, ties, shared);
  int end = min(n, (int)(blockIdx.x + 1) * BLOCK_POSITIONS);
  for (int i = blockIdx.x * BLOCK_POSITIONS + threadIdx.x; i < end; i += blockDim.x) {
    u32 bits = __float_as_uint(from[i]);
    above += bits > least && from[i] >= threshold;
    equal += bits == least;
  }
  u32* counts = histograms + 4 * DIGITS + 2 * blockIdx.x;
  scan_before(above, total, shared);
  if (threadIdx.x == 0) counts[0] = total;
  scan_before(equal, total, shared);
  if (threadIdx.x == 0) counts[1] = total;
}

// The positions, in order: out [kinds, k].
extern "C" __global__ void place_best(const float* probabilities, const u32* states, int* out, i64 all, i64 first, int n, int k,
                                      int state, float threshold) {
  __shared__ u32 shared[32];
  const u32* histograms = states + (i64)blockIdx.y * state;
  const u32* counts = histograms + 4 * DIGITS;
  const float* from = probabilities + blockIdx.y * all + first;
  int* to = out + blockIdx.y * k;
  u32 least = 0, ties = k < n ? k : n;
  leading_digits(histograms, 4, least, ties, shared);
  // Equal values are all kept by the threshold, or none.
  u32 kept_ties = __uint_as_float(least) >= threshold ? ties : 0;
  u32 above = 0, equal = 0, all_above = 0, all_equal = 0;
  for (u32 b = threadIdx.x; b < gridDim.x; b += blockDim.x) {
    all_above += counts[2 * b];
    all_equal += counts[2 * b + 1];
    if (b < blockIdx.x) {
      above += counts[2 * b];
      equal += counts[2 * b + 1];
    }
  }
  scan_before(above, above, shared);
  scan_before(equal, equal, shared);
  scan_before(all_above, all_above, shared);
  scan_before(all_equal, all_equal, shared);
  const int each = BLOCK_POSITIONS / 256;
  int start = blockIdx.x * BLOCK_POSITIONS + threadIdx.x * each, end = min(n, start + each);
  u32 my_above = 0, my_equal = 0, total;
  for (int i = start; i < end; i++) {
    u32 bits = __float_as_uint(from[i]);
    my_above += bits > least && from[i] >= threshold;
    my_equal += bits == least;
  }
  above += scan_before(my_above, total, shared);
  equal += scan_before(my_equal, total, shared);
  for (int i = start; i < end; i++) {
    u32 bits = __float_as_uint(from[i]), at = above + min(equal, kept_ties);
    if (bits > least && from[i] >= threshold) {
      to[at] = i;
      above++;
    } else if (bits == least) {
      if (equal < kept_ties) to[at] = i;
      equal++;
    }
  }
  if (blockIdx.x == 0)
    for (int i = all_above + min(all_equal, kept_ties) + threadIdx.x; i < k; i += blockDim.x) to[i] = -1;
}

// Rows of x [n, c] at positions [count] (-1 is the last, as in jnp.take) to y [count, c].
extern "C" __global__ void gather_rows(const T* x, const int* positions, T* y, int count, i64 n, int c) {
  int parts = c / 8;
  GRID_STRIDE(i, (i64)count * parts) {
    int row = (int)(i / parts), at = (int)(i % parts) * 8;
    i64 from = positions[row];
    if (from < 0) from = n - 1;
    store8(y + (i64)row * c + at, load8(x + from * c + at));
  }
}

// Cosines and sines of the sites' rotary embedding, float32: [count, pairs].
extern "C" __global__ void site_tables(const int* positions, const float* frequencies, float* cosines, float* sines,
                                       int count, int pairs) {
  GRID_STRIDE(i, (i64)count * pairs) {
    float angle = (float)positions[i / pairs] * frequencies[i % pairs];
    cosines[i] = cosf(angle);
    sines[i] = sinf(angle);
  }
}

// Donors and acceptors of a strand for every tissue: rotate(scale * (x + bias) + offset): x [2, k, c] float32; scales and
// offsets [2 most, c] of each; tables [2, k, c / 2]; out bfloat16 [2, tissues, k, c].
// A thread has eight channels of four sites and of four tissues.
extern "C" __global__ void site_operands(const float* x, const float* bias, const float* donors, const float* acceptors,
                                         const float* cosines, const float* sines, u16* out, int k, int tissues, int most,
                                         int c) {
  u32 parts = c / 8, site_groups = (k + 3) / 4, tissue_groups = (tissues + 3) / 4;
  GRID_STRIDE(i, (i64)2 * tissue_groups * site_groups * parts) {
    int at = (int)(i % parts) * 8;
    u32 unit = i / parts;
    int first_site = (int)(unit % site_groups) * 4, first_tissue = (int)(unit / site_groups % tissue_groups) * 4;
    int end = (int)(unit / (site_groups * tissue_groups)), sites = min(4, k - first_site);
    V8 a[4];
    float4 cs[4], sn[4];
    V8 b = load8_f32(bias + at);
#pragma unroll
    for (int s = 0; s < 4; s++) {
      i64 site = end * k + first_site + (s < sites ? s : 0);
      a[s] = load8_f32(x + site * c + at);
      ALL8(j) a[s].v[j] += b.v[j];
      cs[s] = *(const float4*)(cosines + site * (c / 2) + at / 2);
      sn[s] = *(const float4*)(sines + site * (c / 2) + at / 2);
    }
    for (int t = first_tissue; t < min(tissues, first_tissue + 4); t++) {
      const float* scale = (end ? acceptors : donors) + (i64)t * c + at;
      V8 m = load8_f32(scale), o = load8_f32(scale + (i64)most * c);
#pragma unroll
      for (int s = 0; s < 4; s++) {
        if (s >= sites) continue;
        float cv[4] = {cs[s].x, cs[s].y, cs[s].z, cs[s].w}, sv[4] = {sn[s].x, sn[s].y, sn[s].z, sn[s].w};
        V8 v, y;
        ALL8(j) v.v[j] = a[s].v[j] * m.v[j] + o.v[j];
#pragma unroll
        for (int j = 0; j < 4; j++) {
          y.v[2 * j] = v.v[2 * j] * cv[j] - v.v[2 * j + 1] * sv[j];
          y.v[2 * j + 1] = v.v[2 * j + 1] * cv[j] + v.v[2 * j] * sv[j];
        }
        store8_bf16(out + ((i64)(end * tissues + t) * k + first_site + s) * c + at, y);
      }
    }
  }
}

// Softplus of the products where both sites and the tissue exist: x [live, k, k] float32 to out [k, k, tracks], `tissues`
// channels from `first` on, of which those from `live` on are zero. A block of (32, 8) threads turns 64 tissues and 32
// acceptors of one donor.
extern "C" __global__ void junction_counts(const float* x, const int* donors, const int* acceptors, T* out, int k,
                                           int tissues, int live, int tracks, int first) {
  __shared__ float tile[64][33];
  int d = blockIdx.y, a0 = blockIdx.x * 32, t0 = blockIdx.z * 64;
  int a = a0 + threadIdx.x;
  bool exists = a < k && donors[d] >= 0 && acceptors[a] >= 0;
  float v[8];
#pragma unroll
  for (int j = 0; j < 8; j++) {
    int t = t0 + threadIdx.y + 8 * j;
    v[j] = exists && t < live ? x[((i64)t * k + d) * k + a] : 0.0f;
  }
#pragma unroll
  for (int j = 0; j < 8; j++) {
    int t = threadIdx.y + 8 * j;
    tile[t][threadIdx.x] = exists && t0 + t < live ? softplus_fast(v[j]) : 0.0f;
  }
  __syncthreads();
#pragma unroll
  for (int j = 0; j < 4; j++) {
    int at = threadIdx.y + 8 * j;
    if (a0 + at >= k) continue;
    T* to = out + ((i64)d * k + a0 + at) * tracks + first + t0;
#if BF16
    if (t0 + 64 <= tissues && tracks % 2 == 0) {
      // Two at a time, from an even place on; the last lane has what is left over.
      int odd = (first + t0) & 1, t = 2 * threadIdx.x + odd;
      if (t < 63) {
        *(u32*)(to + t) = pack(tile[t][at], tile[t + 1][at]);
      } else {
        to[0] = store(tile[0][at]);
        to[63] = store(tile[63][at]);
      }
      continue;
    }
#endif
#pragma unroll
    for (int h = 0; h < 2; h++) {
      int t = threadIdx.x + 32 * h;
      if (t0 + t < tissues) to[t] = store(tile[t][at]);
    }
  }
}

// Positions that were given.
extern "C" __global__ void copy_integers(const int* from, int* to, int n) { GRID_STRIDE(i, n) to[i] = from[i]; }

// Whether b comes before a: a larger one, NaN before numbers.
static __device__ __forceinline__ bool stronger(float b, float a) { return b > a || (b != b && a == a); }

// How a count changes from REF to ALT, in float16 as scores have it. Logarithms in double precision, since those of float32
// differ between devices.
static __device__ __forceinline__ float junction_change(float own, float other) {
  float a = (float)log((double)(own + 1e-7f)), b = (float)log((double)(other + 1e-7f));
  return fabsf(through_float16(b - a));
}

// For each tissue the junction of a donor that changes most, of equal ones the first: x [2, k, k, tracks], REF first;
// positions [4, k]; introns between `after` and `before`, exclusive; the first `most` sites. A thread has a tissue, blockIdx.y is
// the donor. scores, pairs [k, tissues]: the pair's number, or -1.
extern "C" __global__ void strongest_of_donor(const T* x, const int* positions, float* scores, int* pairs, int k, int most,
                                              int tissues, int tracks, int strand, int after, int before) {
  int tissue = blockIdx.x * blockDim.x + threadIdx.x, donor = blockIdx.y;
  if (tissue >= tissues) return;
  const int *donors = positions + 2 * strand * k, *acceptors = donors + k;
  float score = -1.0f;
  int pair = -1, place = donors[donor];
  for (int acceptor = 0; place >= 0 && donor < most && acceptor < min(k, most); acceptor++) {
    int other = acceptors[acceptor];
    int from = strand ? other + 1 : place + 1, to = strand ? place : other;
    if (other < 0 || from <= after || from >= to || to >= before) continue;
    i64 at = (i64)(donor * k + acceptor) * tracks + strand * (tracks / 2) + tissue;
    float change = junction_change(load(x[at]), load(x[(i64)k * k * tracks + at]));
    if (pair < 0 || stronger(change, score)) {
      score = change;
      pair = donor * k + acceptor;
    }
  }
  scores[(i64)donor * tissues + tissue] = score;
  pairs[(i64)donor * tissues + tissue] = pair;
}

// The same over all donors: scores, pairs [k, tissues]; best [tissues].
extern "C" __global__ void strongest_of_all(const float* scores, const int* pairs, int* best, int k, int tissues) {
  int tissue = blockIdx.x * blockDim.x + threadIdx.x;
  if (tissue >= tissues) return;
  float score = -1.0f;
  int pair = -1;
  for (int donor = 0; donor < k; donor++) {
    i64 at = (i64)donor * tissues + tissue;
    if (pairs[at] >= 0 && (pair < 0 || stronger(scores[at], score))) {
      score = scores[at];
      pair = pairs[at];
    }
  }
  best[tissue] = pair;
}

// The counts of some pairs of sites: x [2, sites, sites, tracks], y [pairs, tracks], `rows` which of x.
extern "C" __global__ void counts_of_pairs(const T* x, T* y, const int* rows, i64 n, int tracks) {
  GRID_STRIDE(i, n) y[i] = x[(i64)rows[i / (u32)tracks] * tracks + i % (u32)tracks];
}
