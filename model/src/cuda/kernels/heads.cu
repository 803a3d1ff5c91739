// The heads: float32 arithmetic on float32 products, rounded once when an output is written.

// log(1 + e^x). Where results are rounded to bfloat16, the device's fast functions are exact enough.
static __device__ __forceinline__ float softplus_fast(float x) {
#if BF16
  float e = __expf(-fabsf(x));
  return fmaxf(x, 0.0f) + (e < 1e-3f ? e - 0.5f * e * e : __logf(1.0f + e));
#else
  return softplus(x);
#endif
}
static __device__ __forceinline__ float squash(float u) {
#if BF16
  return exp2f(__log2f(u) * (1.0f / 0.75f));
#else
  return powf(u, 1.0f / 0.75f);
#endif
}

// x + bias: x [rows, padded] float32, y [rows, c].
extern "C" __global__ void biased(const float* x, const float* bias, T* y, i64 rows, int c, int padded) {
  GRID_STRIDE(i, rows * (i64)c) {
    i64 row = i / (u32)c;
    int k = (int)(i - (u32)row * c);
    y[i] = store(x[row * padded + k] + bias[k]);
  }
}

static __device__ __forceinline__ float through_float16(float v) {
  u16 h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(v));
  asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(h));
  return v;
}

// A head's part of the logits of a row: `count` columns from `from` on, a multiple of eight. All pointers are to the first
// of the rows of a launch, but `exact`.
struct Segment {
  // Of each column; `scale` is the softplus of the learnt one, `factor` the mean times the resolution, or null.
  const float *bias, *scale, *factor;
  // Tracks: scaled and unscaled predictions; splice sites: logits and predictions; [rows, count].
  T *first, *second;
  // Classes in float32 for the choice of positions: [count, all].
  float* exact;
  i64 from, count, kind;
};
enum Kind { TRACKS, SQUASHED_TRACKS, USAGE, CLASSES };
struct Segments {
  Segment at[8];
};

// The first n of eight values; `whole` where eight of them lie together at a multiple of 16 bytes.
static __device__ __forceinline__ V8 load_some(const float* p, int n, bool whole) {
  if (whole) return load8_f32(p);
  V8 r;
  ALL8(j) r.v[j] = j < n ? p[j] : 0.0f;
  return r;
}
// Outputs are not read again in this pass: they leave the cache first.
static __device__ __forceinline__ void store_some(T* p, const V8& x, int n, bool whole) {
#if BF16
  if (whole) {
    asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(pack(x.v[0], x.v[1])), "r"(pack(x.v[2], x.v[3])),
                 "r"(pack(x.v[4], x.v[5])), "r"(pack(x.v[6], x.v[7]))
                 : "memory");
    return;
  }
  if (n == 8 && ((u64)p & 3) == 0) {
#pragma unroll
    for (int j = 0; j < 8; j += 2)
      asm volatile("st.global.cs.u32 [%0], %1;" ::"l"(p + j), "r"(pack(x.v[j], x.v[j + 1])) : "memory");
    return;
  }
#else
  if (whole) {
    store8(p, x);
    return;
  }
#endif
  ALL8(j) if (j < n) p[j] = store(x.v[j]);
}

// The outputs of all heads on one embedding: x [rows, columns] are their products, float32. `all` positions in the batch, of
// which these begin at `begin`; `half`: usage goes through float16. A thread has eight columns of every eighth row of
// `each`; blocks of (32, 8) threads, blockIdx.x along the columns.
extern "C" __launch_bounds__(256, 4) __global__ void head_outputs(const float* x, const __grid_constant__ Segments segments,
                                                                  i64 rows, int columns, i64 all, i64 begin, int half,
                                                                  int each) {
  int at = (blockIdx.x * 32 + threadIdx.x) * 8, which = 0;
  if (at >= columns) return;
#pragma unroll
  for (int s = 1; s < 8; s++)
    if (at >= segments.at[s].from) which = s;
  const Segment& segment = segments.at[which];
  int c = (int)segment.count, k = at - (int)segment.from, n = min(8, c - k), kind = (int)segment.kind;
  bool whole = c % 8 == 0, tracks = kind <= SQUASHED_TRACKS, squashed = kind == SQUASHED_TRACKS;
  bool unscaled = segment.factor;
  V8 b = load_some(segment.bias + k, n, whole), s, m;
  if (tracks) s = load_some(segment.scale + k, n, whole);
  if (tracks && unscaled) m = load_some(segment.factor + k, n, whole);
  i64 end = min(rows, (i64)(blockIdx.y + 1) * each);
  for (i64 row = (i64)blockIdx.y * each + threadIdx.y; row < end; row += 8) {
    V8 v = load8_f32(x + row * columns + at), u;
    ALL8(j) v.v[j] += b.v[j];
    T *first = segment.first + row * c + k, *second = segment.second + row * c + k;
    if (tracks) {
      ALL8(j) v.v[j] = softplus_fast(v.v[j]) * s.v[j];
      store_some(first, v, n, whole);
      if (!unscaled) continue;
      ALL8(j) {
        u.v[j] = v.v[j] > 10.0f ? (v.v[j] + 10.0f) * (v.v[j] + 10.0f) * 0.025f : v.v[j];
        u.v[j] = (squashed ? squash(u.v[j]) : u.v[j]) * m.v[j];
      }
    } else if (kind == USAGE) {
      store_some(first, v, n, whole);
      ALL8(j) {
        u.v[j] = divide(1.0f, 1.0f + exponential(-v.v[j]));
        if (half) u.v[j] = through_float16(u.v[j]);
      }
    } else {
      store_some(first, v, n, whole);
      float most = -INFINITY, sum = 0.0f;
      ALL8(j) if (j < n) most = fmaxf(most, v.v[j]);
      ALL8(j) {
        u.v[j] = j < n ? expf(v.v[j] - most) : 0.0f;
        sum += u.v[j];
      }
      ALL8(j) {
        u.v[j] /= sum;
        if (j < n) segment.exact[(i64)j * all + begin + row] = u.v[j];
      }
    }
    store_some(second, u, n, whole);
  }
}

// How many of n values are NaN or infinite.
extern "C" __global__ void count_non_finite(const T* x, i64 n, u64* count) {
  u32 found = 0;
  GRID_STRIDE(i, n) found += !(fabsf(load(x[i])) < INFINITY);
  for (int d = 16; d; d >>= 1) found += __shfl_xor_sync(~0u, found, d);
  if ((threadIdx.x & 31) == 0 && found) atomicAdd(count, (u64)found);
}
