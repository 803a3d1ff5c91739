// Splice junctions: the best positions, their embeddings, and the products of all donors with all acceptors.

// The k best of n probabilities [kinds, all], ascending by position; those under the threshold become -1 and stand last;
// of equal ones the lower positions count. out [kinds, k]. A block of 1024 threads a kind; n values from `first` on.
extern "C" __global__ void best_positions(const float* probabilities, int* out, i64 all, i64 first, int n, int k,
                                          float threshold) {
  __shared__ u32 histogram[256];
  __shared__ u32 prefix, remaining, counts[32], total_above, total_equal;
  const float* from = probabilities + blockIdx.x * all + first;
  int* to = out + blockIdx.x * k;
  int wanted = k < n ? k : n;
  if (threadIdx.x == 0) {
    prefix = 0;
    remaining = wanted;
  }
  // The wanted-th largest value, digit by digit: probabilities are not negative, so their bits order as they do.
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (threadIdx.x < 256) histogram[threadIdx.x] = 0;
    __syncthreads();
    u32 mask = shift == 24 ? 0 : ~0u << (shift + 8);
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
      u32 bits = __float_as_uint(from[i]);
      if ((bits & mask) == prefix) atomicAdd(&histogram[(bits >> shift) & 255], 1);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      int digit = 255;
      while (digit > 0 && histogram[digit] < remaining) remaining -= histogram[digit--];
      prefix |= (u32)digit << shift;
    }
    __syncthreads();
  }
  u32 least = prefix, ties = remaining;
  if (threadIdx.x == 0) {
    total_above = 0;
    total_equal = 0;
  }
  __syncthreads();
  // In order of position: everything above the least, and its first `ties` equals; of these those at the threshold or above.
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int each = 16;
  for (int start = 0; start < n; start += blockDim.x * each) {
    u32 equal = 0;
    int base = start + threadIdx.x * each;
    for (int j = 0; j < each; j++)
      if (base + j < n) equal += __float_as_uint(from[base + j]) == least;
    u32 before = equal;
    for (int d = 1; d < 32; d <<= 1) {
      u32 other = __shfl_up_sync(~0u, before, d);
      if (lane >= d) before += other;
    }
    if (lane == 31) counts[warp] = before;
    __syncthreads();
    u32 seen = total_equal + before - equal;
    for (int w = 0; w < warp; w++) seen += counts[w];
    u32 kept = 0, flags = 0;
    for (int j = 0; j < each; j++) {
      if (base + j >= n) break;
      u32 bits = __float_as_uint(from[base + j]);
      bool in = bits > least || (bits == least && seen++ < ties);
      if (in && from[base + j] >= threshold) {
        flags |= 1u << j;
        kept++;
      }
    }
    __syncthreads();
    u32 last_equal = 0;
    if (threadIdx.x == 0)
      for (int w = 0; w < 32; w++) last_equal += counts[w];
    u32 place = kept;
    for (int d = 1; d < 32; d <<= 1) {
      u32 other = __shfl_up_sync(~0u, place, d);
      if (lane >= d) place += other;
    }
    __syncthreads();
    if (threadIdx.x == 0) total_equal += last_equal;
    if (lane == 31) counts[warp] = place;
    __syncthreads();
    u32 at = total_above + place - kept;
    for (int w = 0; w < warp; w++) at += counts[w];
    for (int j = 0; j < each; j++)
      if (flags >> j & 1) to[at++] = base + j;
    __syncthreads();
    if (threadIdx.x == 0)
      for (int w = 0; w < 32; w++) total_above += counts[w];
    __syncthreads();
  }
  for (int i = total_above + threadIdx.x; i < k; i += blockDim.x) to[i] = -1;
}

// Rows of x [n, c] at positions [count] (negative ones count from the end, as in jnp.take) to y [count, c].
extern "C" __global__ void gather_rows(const T* x, const int* positions, T* y, int count, i64 n, int c) {
  int parts = c / 8;
  GRID_STRIDE(i, (i64)count * parts) {
    int row = (int)(i / parts), at = (int)(i % parts) * 8;
    i64 from = positions[row];
    if (from < 0) from += n;
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

// Sites for every tissue: rotate(scale * (x + bias) + offset): x [k, c] float32, scale and offset [tissues, c],
// tables [k, c / 2], out bfloat16 [tissues, k, c].
extern "C" __global__ void site_operands(const float* x, const float* bias, const float* scale, const float* offset,
                                         const float* cosines, const float* sines, u16* out, int k, int tissues, int c) {
  int parts = c / 8;
  GRID_STRIDE(i, (i64)tissues * k * parts) {
    int at = (int)(i % (u32)parts) * 8;
    u32 unit = i / (u32)parts;
    int site = (int)(unit % (u32)k), tissue = (int)(unit / (u32)k);
    V8 a = load8_f32(x + (i64)site * c + at), b = load8_f32(bias + at);
    V8 s = load8_f32(scale + (i64)tissue * c + at), o = load8_f32(offset + (i64)tissue * c + at), y;
    float4 cs = *(const float4*)(cosines + (i64)site * (c / 2) + at / 2);
    float4 sn = *(const float4*)(sines + (i64)site * (c / 2) + at / 2);
    float cv[4] = {cs.x, cs.y, cs.z, cs.w}, sv[4] = {sn.x, sn.y, sn.z, sn.w};
    ALL8(j) a.v[j] = (a.v[j] + b.v[j]) * s.v[j] + o.v[j];
    for (int j = 0; j < 4; j++) {
      y.v[2 * j] = a.v[2 * j] * cv[j] - a.v[2 * j + 1] * sv[j];
      y.v[2 * j + 1] = a.v[2 * j + 1] * cv[j] + a.v[2 * j] * sv[j];
    }
    store8_bf16(out + (i64)unit * c + at, y);
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
#pragma unroll
    for (int h = 0; h < 2; h++) {
      int t = threadIdx.x + 32 * h;
      if (t0 + t < tissues) to[t] = store(tile[t][at]);
    }
  }
}

// Positions that were given.
extern "C" __global__ void copy_integers(const int* from, int* to, int n) { GRID_STRIDE(i, n) to[i] = from[i]; }
