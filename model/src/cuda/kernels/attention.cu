// Attention of the sequence: norms and rotary embedding of queries, keys and values; soft-capped softmax.

// Cosines and sines of the rotary embedding, each [n, pairs]; angles have the compute dtype, as in JAX.
extern "C" __global__ void rotary_tables(const float* frequencies, float* cosines, float* sines, int n, int pairs) {
  GRID_STRIDE(i, (i64)n * pairs) {
    float angle = R(R((float)(i / pairs)) * frequencies[i % pairs]);
    cosines[i] = R(cosf(angle));
    sines[i] = R(sinf(angle));
  }
}

// Layer norms of the 8 query heads, the key and the value, and the rotary embedding of queries and keys.
// x [rows, heads * w + w + v]; queries [rows, heads, w], keys [rows, w], values [rows, v], operands of products: bfloat16
// under either storage. A warp a head; `n` rows a sequence; w and v at most 256.
extern "C" __global__ void norm_rotate(const T* x, u16* queries, u16* keys, u16* values, const float* q_scale,
                                       const float* q_offset, const float* k_scale, const float* k_offset,
                                       const float* v_scale, const float* v_offset, const float* cosines,
                                       const float* sines, i64 rows, int n, int heads, int w, int v) {
  int lane = threadIdx.x & 31, per_row = heads + 2;
  i64 unit = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (unit >= rows * per_row) return;
  i64 row = unit / per_row;
  int head = (int)(unit % per_row);
  bool is_value = head == heads + 1;
  int width = is_value ? v : w;
  const T* from = x + row * (i64)(heads * w + w + v) + (i64)head * w;
  const float* scale = is_value ? v_scale : head == heads ? k_scale : q_scale;
  const float* offset = is_value ? v_offset : head == heads ? k_offset : q_offset;
  u16* to = is_value ? values + row * v : head == heads ? keys + row * w : queries + (row * heads + head) * w;
  float a[4], b[4], sum = 0.0f;
  int pairs = width / 2;
#pragma unroll
  for (int k = 0; k < 4; k++) {
    int p = lane + 32 * k;
    a[k] = p < pairs ? load(from[2 * p]) : 0.0f;
    b[k] = p < pairs ? load(from[2 * p + 1]) : 0.0f;
    sum += a[k] + b[k];
  }
  float mean = R(warp_sum(sum) * (1.0f / width)), squares = 0.0f;
#pragma unroll
  for (int k = 0; k < 4; k++) {
    if (lane + 32 * k < pairs) {
      a[k] = R(a[k] - mean);
      b[k] = R(b[k] - mean);
      squares += R(a[k] * a[k]) + R(b[k] * b[k]);
    }
  }
  float inverse = R(rsqrtf(warp_sum(squares) * (1.0f / width) + 1e-5f));
  int place = (int)(row % n);
#pragma unroll
  for (int k = 0; k < 4; k++) {
    int p = lane + 32 * k;
    if (p >= pairs) continue;
    float y = affine(a[k], R(scale[2 * p] * inverse), offset[2 * p]);
    float z = affine(b[k], R(scale[2 * p + 1] * inverse), offset[2 * p + 1]);
    if (!is_value) {
      float c = cosines[(i64)place * pairs + p], s = sines[(i64)place * pairs + p];
      float yr = R(R(y * c) + R(-z * s)), zr = R(R(z * c) + R(y * s));
      y = yr;
      z = zr;
    }
    *(u32*)(to + 2 * p) = pack(y, z);
  }
}

// Softmax of soft-capped logits: logits [rows * heads, keys] (scaled), bias [P, P, heads] with 16 positions sharing one,
// weights [rows * heads, keys] bfloat16. Rows start at `first` of the sequence. A block a row, 16 keys a thread at a time.
// The largest logit need not be known: none is above the cap.
extern "C" __global__ void capped_softmax(const float* logits, const T* bias, u16* weights, int first, int heads, int keys,
                                          float cap) {
  __shared__ float scratch[32];
  i64 r = blockIdx.x;
  int head = (int)(r % heads), query = first + (int)(r / heads), groups = keys / 16;
  const float* from = logits + r * keys;
  const T* biases = bias + (i64)(query / 16) * groups * heads + head;
  float inverse_cap = 1.0f / cap, sum = 0.0f, e[16];
  int group = threadIdx.x;
  if (group < groups) {
    float shared_bias = load(biases[(i64)group * heads]);
#pragma unroll
    for (int k = 0; k < 16; k += 4) {
      float4 x = *(const float4*)(from + group * 16 + k);
      e[k] = x.x, e[k + 1] = x.y, e[k + 2] = x.z, e[k + 3] = x.w;
    }
#pragma unroll
    for (int k = 0; k < 16; k++) {
      float x = (e[k] + shared_bias) * inverse_cap;
#if BF16
      // tanh(x) - 1, times the cap.
      e[k] = __expf(-cap * __fdividef(2.0f, __expf(2.0f * x) + 1.0f));
#else
      e[k] = expf(cap * tanhf(x) - cap);
#endif
      sum += e[k];
    }
  }
  float inverse = 1.0f / block_sum(sum, scratch);
  if (group < groups) {
    V8 a, b;
    ALL8(k) {
      a.v[k] = e[k] * inverse;
      b.v[k] = e[k + 8] * inverse;
    }
    u16* to = weights + r * keys + group * 16;
    store8_bf16(to, a);
    store8_bf16(to + 8, b);
  }
}

// Softmax along rows of at most 512: logits [rows, keys] (scaled) to weights bfloat16, rows of `padded`. A warp a row.
extern "C" __global__ void row_softmax(const float* logits, u16* weights, i64 rows, int keys, int padded) {
  int lane = threadIdx.x & 31;
  i64 r = (i64)blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5);
  if (r >= rows) return;
  const float* from = logits + r * keys;
  float v[16], most = -INFINITY, sum = 0.0f;
#pragma unroll
  for (int j = 0; j < 16; j++) {
    int k = lane + 32 * j;
    v[j] = k < keys ? from[k] : -INFINITY;
    most = fmaxf(most, v[j]);
  }
  most = warp_max(most);
#pragma unroll
  for (int j = 0; j < 16; j++) {
    v[j] = exponential(v[j] - most);
    sum += v[j];
  }
  sum = warp_sum(sum);
#pragma unroll
  for (int j = 0; j < 16; j++) {
    int k = lane + 32 * j;
    if (k < keys) weights[r * padded + k] = to_bf16(v[j] / sum);
  }
}
