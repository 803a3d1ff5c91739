// The pair path.

// RMS layer norm of one row of at most 1024 * 8 channels held by a warp or block is written out where it is used; all of
// them reduce the mean of the rounded squares in float32, as LayerNorm(rms_norm=True) does.

// Mean pool over `by` positions, the sum rounded after every addition as in XLA, RMS layer norm, and its tanh gelu: x [B, n by, c]; y, g [B n, c]. A block a row.
extern "C" __global__ void pool_norm(const T* x, T* y, T* g, const float* scale, const float* offset, int by, int c) {
  extern __shared__ float row[];
  __shared__ float scratch[32];
  i64 r = blockIdx.x;
  float squares = 0.0f;
  for (int k = threadIdx.x; k < c; k += blockDim.x) {
    float sum = 0.0f;
    for (int j = 0; j < by; j++) sum = R(sum + load(x[(r * by + j) * c + k]));
    float mean = R(sum * (1.0f / by));
    row[k] = mean;
    squares += R(mean * mean);
  }
  float inverse = R(rsqrtf(block_sum(squares, scratch) * (1.0f / c) + 1e-5f));
  for (int k = threadIdx.x; k < c; k += blockDim.x) {
    float v = affine(row[k], R(scale[k] * inverse), offset[k]);
    y[r * c + k] = store(v);
    g[r * c + k] = store(gelu_tanh(v));
  }
}

// Queries and keys plus their biases: x [rows, 2 c] (queries, keys) and bias [2 c] to y [rows, 2 c]; also x + bias in general.
extern "C" __global__ void add_bias(const T* x, const float* bias, T* y, i64 rows, int c) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    V8 a = load8(x + row * c + at), b = load8_f32(bias + at);
    ALL8(j) a.v[j] = R(a.v[j] + b.v[j]);
    store8(y + row * c + at, a);
  }
}

// Features of the distances -p..p: masks |d| < widths, then the same times the sign. out [2 p, 2 half].
extern "C" __global__ void position_features(const float* widths, T* out, int p, int half) {
  GRID_STRIDE(i, (i64)2 * p * 2 * half) {
    int d = (int)(i / (2 * half)) - p, f = (int)(i % (2 * half));
    float inside = widths[f % half] > (float)(d < 0 ? -d : d) ? 1.0f : 0.0f;
    float sign = d > 0 ? 1.0f : d < 0 ? -1.0f : 0.0f;
    out[i] = store(f < half ? inside : sign * inside);
  }
}

// Products plus the mean of the two relative terms, shifted: products [heads, p, p], by_query, by_key [heads, p, 2 p],
// out [p, p, heads].
extern "C" __global__ void shift_relative(const T* products, const T* by_query, const T* by_key, T* out, int p, int heads) {
  __shared__ float tile[32][33];
  int q = blockIdx.y, k0 = blockIdx.x * 32, h0 = blockIdx.z * 32;
  int k = k0 + threadIdx.x;
  for (int h = h0 + threadIdx.y; h < h0 + 32 && h < heads; h += blockDim.y) {
    if (k < p) {
      float a = load(products[((i64)h * p + q) * p + k]);
      float x = load(by_query[((i64)h * p + q) * 2 * p + k - q + p]);
      float y = load(by_key[((i64)h * p + k) * 2 * p + q - k + p]);
      tile[h - h0][threadIdx.x] = R(a + R(0.5f * R(x + y)));
    }
  }
  __syncthreads();
  int h = h0 + threadIdx.x;
  for (int j = threadIdx.y; j < 32; j += blockDim.y)
    if (h < heads && k0 + j < p) out[((i64)q * p + k0 + j) * heads + h] = store(tile[threadIdx.x][j]);
}

// Pairs from the sequence, added to the pairs so far, and the RMS layer norm of the sum: x [p p, f] + bias + rows of
// ends [p, 2 f] (of the query, then of the key); before [p p, f] or null; sum, y [p p, f]. `pairs` = p p, batch in `b`.
extern "C" __global__ void pair_sum_norm(const T* x, const float* bias, const T* ends, const T* before, T* sum, T* y,
                                         const float* scale, const float* offset, i64 rows, int p, int f) {
  int lane = threadIdx.x & 31;
  i64 r = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (r >= rows) return;
  i64 key = r % p, query = r / p, sequence = query / p;
  const T* by_query = ends + query * 2 * f;
  const T* by_key = ends + (sequence * p + key) * 2 * f + f;
  float v[8], squares = 0.0f;
#pragma unroll
  for (int j = 0; j < 8; j++) {
    int k = lane + 32 * j;
    v[j] = 0.0f;
    if (k < f) {
      float a = R(R(R(load(x[r * f + k]) + bias[k]) + load(by_query[k])) + load(by_key[k]));
      if (before) a = R(load(before[r * f + k]) + a);
      v[j] = a;
      sum[r * f + k] = store(a);
      squares += R(a * a);
    }
  }
  float inverse = R(rsqrtf(warp_sum(squares) * (1.0f / f) + 1e-5f));
#pragma unroll
  for (int j = 0; j < 8; j++) {
    int k = lane + 32 * j;
    if (k < f) y[r * f + k] = store(affine(v[j], R(scale[k] * inverse), offset[k]));
  }
}

// sum = x + more, and its RMS layer norm: all [rows, f].
extern "C" __global__ void add_norm(const T* x, const T* more, T* sum, T* y, const float* scale, const float* offset,
                                    i64 rows, int f) {
  int lane = threadIdx.x & 31;
  i64 r = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (r >= rows) return;
  float v[8], squares = 0.0f;
#pragma unroll
  for (int j = 0; j < 8; j++) {
    int k = lane + 32 * j;
    v[j] = 0.0f;
    if (k < f) {
      v[j] = R(load(x[r * f + k]) + load(more[r * f + k]));
      sum[r * f + k] = store(v[j]);
      squares += R(v[j] * v[j]);
    }
  }
  float inverse = R(rsqrtf(warp_sum(squares) * (1.0f / f) + 1e-5f));
#pragma unroll
  for (int j = 0; j < 8; j++) {
    int k = lane + 32 * j;
    if (k < f) y[r * f + k] = store(affine(v[j], R(scale[k] * inverse), offset[k]));
  }
}

// sum = x + (more + bias): all [rows, f].
extern "C" __global__ void add_biased(const T* x, const T* more, const float* bias, T* sum, i64 rows, int f) {
  int parts = f / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    V8 a = load8(x + row * f + at), m = load8(more + row * f + at), b = load8_f32(bias + at);
    ALL8(j) a.v[j] = R(a.v[j] + R(m.v[j] + b.v[j]));
    store8(sum + row * f + at, a);
  }
}

// Operands of the row attention: x [rows, 3 f] (queries, keys, values), values plus bias; out bfloat16 [rows, 3 f].
extern "C" __global__ void row_operands(const T* x, const float* bias, u16* out, i64 rows, int f) {
  int parts = 3 * f / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    V8 a = load8(x + row * 3 * f + at);
    if (at >= 2 * f) {
      V8 b = load8_f32(bias + at - 2 * f);
      ALL8(j) a.v[j] = R(a.v[j] + b.v[j]);
    }
    store8_bf16(out + row * 3 * f + at, a);
  }
}

// The output pair: gelu(norm((x + transposed x) / 2) + organism): x, y [B, p, p, f].
extern "C" __global__ void output_pair(const T* x, T* y, const float* scale, const float* offset, const float* embedding,
                                       const int* organism, i64 rows, int p, int f) {
  int lane = threadIdx.x & 31;
  i64 r = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (r >= rows) return;
  i64 key = r % p, query = r / p % p, sequence = r / p / p;
  i64 mirrored = (sequence * p + key) * p + query;
  const float* e = embedding + (i64)organism[sequence] * f;
  float v[8], squares = 0.0f;
#pragma unroll
  for (int j = 0; j < 8; j++) {
    int k = lane + 32 * j;
    v[j] = 0.0f;
    if (k < f) {
      v[j] = R(R(load(x[r * f + k]) + load(x[mirrored * f + k])) * 0.5f);
      squares += R(v[j] * v[j]);
    }
  }
  float inverse = R(rsqrtf(warp_sum(squares) * (1.0f / f) + 1e-5f));
#pragma unroll
  for (int j = 0; j < 8; j++) {
    int k = lane + 32 * j;
    if (k < f) y[r * f + k] = store(gelu_sigmoid(R(affine(v[j], R(scale[k] * inverse), offset[k]) + e[k])));
  }
}
