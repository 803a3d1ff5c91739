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

// Genome tracks: x [rows, c] float32; bias, scale (softplus already applied), mean (times resolution) [c];
// scaled and, if not null, unscaled [rows, c].
extern "C" __global__ void tracks(const float* x, const float* bias, const float* scale, const float* mean, T* scaled,
                                  T* unscaled, i64 rows, int c, int padded, int squashed) {
  if (c % 8 == 0 && padded == c) {
    int parts = c / 8;
    GRID_STRIDE(i, rows * parts) {
      i64 row = i / (u32)parts;
      int at = (int)(i - (u32)row * parts) * 8;
      V8 v = load8_f32(x + row * c + at), b = load8_f32(bias + at), s = load8_f32(scale + at);
      ALL8(j) v.v[j] = softplus_fast(v.v[j] + b.v[j]) * s.v[j];
      store8(scaled + row * c + at, v);
      if (unscaled) {
        V8 m = load8_f32(mean + at);
        ALL8(j) {
          float u = v.v[j] > 10.0f ? (v.v[j] + 10.0f) * (v.v[j] + 10.0f) * 0.025f : v.v[j];
          v.v[j] = (squashed ? squash(u) : u) * m.v[j];
        }
        store8(unscaled + row * c + at, v);
      }
    }
    return;
  }
  GRID_STRIDE(i, rows * (i64)c) {
    i64 row = i / (u32)c;
    int k = (int)(i - (u32)row * c);
    float s = softplus_fast(x[row * padded + k] + bias[k]) * scale[k];
    scaled[i] = store(s);
    if (unscaled) {
      float u = s > 10.0f ? (s + 10.0f) * (s + 10.0f) * 0.025f : s;
      unscaled[i] = store((squashed ? squash(u) : u) * mean[k]);
    }
  }
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

// Splice-site usage: logits, and their logistic function, through float16 unless excess precision drops that rounding.
// x [rows, padded] float32; logits, usage [rows, c].
extern "C" __global__ void splice_usage(const float* x, const float* bias, T* logits, T* usage, i64 rows, int c, int padded,
                                        int half) {
  GRID_STRIDE(i, rows * (i64)c) {
    i64 row = i / (u32)c;
    int k = (int)(i - (u32)row * c);
    float v = x[row * padded + k] + bias[k];
    logits[i] = store(v);
    v = divide(1.0f, 1.0f + exponential(-v));
    usage[i] = store(half ? through_float16(v) : v);
  }
}

// Splice-site classes: logits and softmax [rows, c], and the softmax in float32 [c, rows] for the choice of positions.
// x [rows, padded] float32; c at most 8.
extern "C" __global__ void splice_classes(const float* x, const float* bias, T* logits, T* probabilities, float* exact,
                                          i64 rows, i64 all, i64 first, int c, int padded) {
  GRID_STRIDE(row, rows) {
    float v[8], most = -INFINITY, sum = 0.0f;
    for (int k = 0; k < c; k++) {
      v[k] = x[row * padded + k] + bias[k];
      logits[row * c + k] = store(v[k]);
      most = fmaxf(most, v[k]);
    }
    for (int k = 0; k < c; k++) {
      v[k] = expf(v[k] - most);
      sum += v[k];
    }
    for (int k = 0; k < c; k++) {
      probabilities[row * c + k] = store(v[k] / sum);
      exact[k * all + first + row] = v[k] / sum;
    }
  }
}

// How many of n values are NaN or infinite.
extern "C" __global__ void count_non_finite(const T* x, i64 n, u64* count) {
  u32 found = 0;
  GRID_STRIDE(i, n) found += !(fabsf(load(x[i])) < INFINITY);
  for (int d = 16; d; d >>= 1) found += __shfl_xor_sync(~0u, found, d);
  if ((threadIdx.x & 31) == 0 && found) atomicAdd(count, (u64)found);
}
