// Parameters as XLA reads them, made once when the model is loaded.

// A matrix of parameters in the storage type, into a wider or longer one: from [rows, c], to rows of `stride` at column `at`.
extern "C" __global__ void store_matrix(const float* from, T* to, i64 rows, int c, int stride, int at) {
  GRID_STRIDE(i, rows * (i64)c) {
    i64 row = i / (u32)c;
    to[row * stride + at + (i - row * c)] = store(from[i]);
  }
}

// Parts of float32 parameters for products of bfloat16, high low high: of a row of `row` values three rows, or where that is 0,
// of each value three neighbours.
extern "C" __global__ void parameter_parts(const float* from, u16* to, i64 n, int row) {
  GRID_STRIDE(i, n) {
    u16 high = to_bf16(from[i]), low = to_bf16(from[i] - from_bf16(high));
    i64 step = row ? row : 1, at = i / step * 3 * step + i % step;
    to[at] = high;
    to[at + step] = low;
    to[at + 2 * step] = high;
  }
}

// The values as they are read, kept as float32.
extern "C" __global__ void round_values(const float* from, float* to, i64 n) { GRID_STRIDE(i, n) to[i] = R(from[i]); }

// softplus of the values, which are not rounded where `exact`.
extern "C" __global__ void softplus_values(const float* from, float* to, i64 n, int exact) {
  GRID_STRIDE(i, n) to[i] = softplus(exact ? from[i] : R(from[i]));
}

// scale * rsqrt(variance + 1e-5), everything in the compute dtype.
extern "C" __global__ void fold_norm(const float* scale, const float* variance, float* to, int n) {
  GRID_STRIDE(i, n) to[i] = R(R(scale[i]) * R(rsqrtf(R(R(variance[i]) + R(1e-5f)))));
}

// A kernel that the conversion has standardised: [fan_in, out] to [out, fan_in].
extern "C" __global__ void transpose(const float* w, T* to, int fan_in, int out) {
  GRID_STRIDE(i, (i64)fan_in * out) to[(i64)(i % out) * fan_in + i / out] = store(w[i]);
}

// StandardizedConv1D's kernel: w [width, in, out] and scale [out] to [out, width, in]. Blocks of (32, 8) threads, 32 output
// channels each. `exact_mean`: the mean is taken of the stored values, not of the rounded ones.
extern "C" __global__ void standardize(const float* w, const float* scale, T* to, int fan_in, int out, int exact_mean) {
  __shared__ float sums[8][32];
  __shared__ float tile[32][33];
  int o = blockIdx.x * 32 + threadIdx.x;
  bool in = o < out;
  float sum = 0.0f, inverse_n = 1.0f / fan_in;
  for (int i = threadIdx.y; i < fan_in; i += 8) {
    float v = in ? w[(i64)i * out + o] : 0.0f;
    sum += exact_mean ? v : R(v);
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  sum = 0.0f;
  for (int j = 0; j < 8; j++) sum += sums[j][threadIdx.x];
  float mean = R(sum * inverse_n);
  __syncthreads();
  sum = 0.0f;
  for (int i = threadIdx.y; i < fan_in; i += 8) sum += in ? R(R(w[(i64)i * out + o]) - mean) : 0.0f;
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  sum = 0.0f;
  for (int j = 0; j < 8; j++) sum += sums[j][threadIdx.x];
  float rest = sum * inverse_n;
  __syncthreads();
  sum = 0.0f;
  for (int i = threadIdx.y; i < fan_in; i += 8) {
    float v = in ? R(R(w[(i64)i * out + o]) - mean) - rest : 0.0f;
    sum += v * v;
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  sum = 0.0f;
  for (int j = 0; j < 8; j++) sum += sums[j][threadIdx.x];
  float variance = R(sum * inverse_n);
  float by = in ? R(R(scale[o]) * R(rsqrtf(fmaxf(R(variance * R((float)fan_in)), R(1e-4f))))) : 0.0f;
  for (int i0 = 0; i0 < fan_in; i0 += 32) {
    __syncthreads();
    for (int j = threadIdx.y; j < 32; j += 8)
      if (in && i0 + j < fan_in) tile[j][threadIdx.x] = R(R(R(w[(i64)(i0 + j) * out + o]) - mean) * by);
    __syncthreads();
    for (int j = threadIdx.y; j < 32; j += 8) {
      int to_o = blockIdx.x * 32 + j, i = i0 + threadIdx.x;
      if (to_o < out && i < fan_in) to[(i64)to_o * fan_in + i] = store(tile[threadIdx.x][j]);
    }
  }
}
