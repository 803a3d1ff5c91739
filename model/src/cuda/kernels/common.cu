// What every kernel of the CUDA form stands on. Compiled at run time, once a storage type:
// BF16 = 1 stores bfloat16 and rounds after every operation, as XLA does; BF16 = 0 stores and computes float32.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
#define INFINITY __int_as_float(0x7f800000)

static __device__ __forceinline__ u16 to_bf16(float v) {
  u16 r;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(v));
  return r;
}
static __device__ __forceinline__ float from_bf16(u16 v) { return __uint_as_float((u32)v << 16); }

#if BF16
typedef u16 T;
static __device__ __forceinline__ float R(float v) { return from_bf16(to_bf16(v)); }
static __device__ __forceinline__ T store(float v) { return to_bf16(v); }
static __device__ __forceinline__ float load(T v) { return from_bf16(v); }
#else
typedef float T;
static __device__ __forceinline__ float R(float v) { return v; }
static __device__ __forceinline__ T store(float v) { return v; }
static __device__ __forceinline__ float load(T v) { return v; }
#endif

#define ALL8(i) _Pragma("unroll") for (int i = 0; i < 8; i++)

// Eight neighbouring channels.
struct V8 {
  float v[8];
};

static __device__ __forceinline__ void unpack(u32 word, float& low, float& high) {
  low = __uint_as_float(word << 16);
  high = __uint_as_float(word & 0xffff0000u);
}
static __device__ __forceinline__ u32 pack(float low, float high) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
static __device__ __forceinline__ V8 load8_bf16(const u16* p) {
  uint4 w = *(const uint4*)p;
  V8 r;
  unpack(w.x, r.v[0], r.v[1]);
  unpack(w.y, r.v[2], r.v[3]);
  unpack(w.z, r.v[4], r.v[5]);
  unpack(w.w, r.v[6], r.v[7]);
  return r;
}
static __device__ __forceinline__ void store8_bf16(u16* p, const V8& x) {
  uint4 w;
  w.x = pack(x.v[0], x.v[1]);
  w.y = pack(x.v[2], x.v[3]);
  w.z = pack(x.v[4], x.v[5]);
  w.w = pack(x.v[6], x.v[7]);
  *(uint4*)p = w;
}
static __device__ __forceinline__ V8 load8_f32(const float* p) {
  float4 a = ((const float4*)p)[0], b = ((const float4*)p)[1];
  V8 r = {{a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w}};
  return r;
}
static __device__ __forceinline__ void store8_f32(float* p, const V8& x) {
  ((float4*)p)[0] = make_float4(x.v[0], x.v[1], x.v[2], x.v[3]);
  ((float4*)p)[1] = make_float4(x.v[4], x.v[5], x.v[6], x.v[7]);
}
#if BF16
static __device__ __forceinline__ V8 load8(const T* p) { return load8_bf16(p); }
static __device__ __forceinline__ void store8(T* p, const V8& x) { store8_bf16(p, x); }
#else
static __device__ __forceinline__ V8 load8(const T* p) { return load8_f32(p); }
static __device__ __forceinline__ void store8(T* p, const V8& x) { store8_f32(p, x); }
#endif

static __device__ __forceinline__ float divide(float a, float b) {
#if BF16
  return __fdividef(a, b);
#else
  return a / b;
#endif
}
static __device__ __forceinline__ float exponential(float x) {
#if BF16
  return __expf(x);
#else
  return expf(x);
#endif
}

// x * scale + offset, each rounded: XLA does not contract them.
static __device__ __forceinline__ float affine(float x, float scale, float offset) { return R(R(x * scale) + offset); }
// x * sigmoid(1.702 x)
static __device__ __forceinline__ float gelu_sigmoid(float x) {
  float e = R(exponential(-R(x * R(1.702f))));
  return R(R(divide(1.0f, R(e + 1.0f))) * x);
}
// x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
static __device__ __forceinline__ float gelu_tanh(float x) {
  float cube = R(R(x * x) * x);
  float inner = R(R(x + R(cube * R(0.044715f))) * R(0.7978845608f));
  return R(x * R(R(R(tanhf(inner)) + 1.0f) * 0.5f));
}
// 0: nothing, 1: sigmoid form, 2: tanh form
static __device__ __forceinline__ float activate(float x, int gelu) {
  return gelu == 1 ? gelu_sigmoid(x) : gelu == 2 ? gelu_tanh(x) : x;
}

// The same on eight channels that stay in the storage type between operations: two bfloat16 a register where there are
// instructions that round each of two results, which is what R after every operation means.
#if BF16 && __CUDA_ARCH__ >= 900
struct P8 {
  u32 w[4];
};
#define ALL4(i) _Pragma("unroll") for (int i = 0; i < 4; i++)
static __device__ __forceinline__ u32 mul2(u32 a, u32 b) {
  u32 r;
  asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
static __device__ __forceinline__ u32 add2(u32 a, u32 b) {
  u32 r;
  asm("add.rn.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
static __device__ __forceinline__ u32 max2(u32 a, u32 b) {
  u32 r;
  asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(r) : "r"(a), "r"(b));
  return r;
}
static __device__ __forceinline__ P8 load_packed(const T* p) {
  uint4 v = *(const uint4*)p;
  P8 r = {{v.x, v.y, v.z, v.w}};
  return r;
}
static __device__ __forceinline__ void store_packed(T* p, const P8& x) {
  *(uint4*)p = make_uint4(x.w[0], x.w[1], x.w[2], x.w[3]);
}
// Parameters hold bfloat16 values as float32.
static __device__ __forceinline__ P8 parameters(const float* p) {
  V8 v = load8_f32(p);
  P8 r;
  ALL4(i) r.w[i] = __byte_perm(__float_as_uint(v.v[2 * i]), __float_as_uint(v.v[2 * i + 1]), 0x7632);
  return r;
}
static __device__ __forceinline__ P8 same(float value) {
  u32 two = pack(value, value);
  P8 r = {{two, two, two, two}};
  return r;
}
static __device__ __forceinline__ P8 mul(const P8& a, const P8& b) {
  P8 r;
  ALL4(i) r.w[i] = mul2(a.w[i], b.w[i]);
  return r;
}
static __device__ __forceinline__ P8 add(const P8& a, const P8& b) {
  P8 r;
  ALL4(i) r.w[i] = add2(a.w[i], b.w[i]);
  return r;
}
static __device__ __forceinline__ P8 larger(const P8& a, const P8& b) {
  P8 r;
  ALL4(i) r.w[i] = max2(a.w[i], b.w[i]);
  return r;
}
static __device__ __forceinline__ P8 gelu_sigmoid(const P8& x) {
  P8 r;
  ALL4(i) {
    float a, b;
    unpack(mul2(x.w[i], pack(1.702f, 1.702f)), a, b);
    u32 d = add2(pack(__expf(-a), __expf(-b)), pack(1.0f, 1.0f));
    unpack(d, a, b);
    r.w[i] = mul2(pack(__fdividef(1.0f, a), __fdividef(1.0f, b)), x.w[i]);
  }
  return r;
}
static __device__ __forceinline__ P8 activate(const P8& x, int gelu) {
  if (gelu == 1) return gelu_sigmoid(x);
  if (gelu == 0) return x;
  P8 r;
  ALL4(i) {
    float a, b;
    unpack(x.w[i], a, b);
    r.w[i] = pack(gelu_tanh(a), gelu_tanh(b));
  }
  return r;
}
#else
typedef V8 P8;
static __device__ __forceinline__ P8 load_packed(const T* p) { return load8(p); }
static __device__ __forceinline__ void store_packed(T* p, const P8& x) { store8(p, x); }
static __device__ __forceinline__ P8 parameters(const float* p) { return load8_f32(p); }
static __device__ __forceinline__ P8 same(float value) {
  P8 r;
  ALL8(j) r.v[j] = value;
  return r;
}
static __device__ __forceinline__ P8 mul(const P8& a, const P8& b) {
  P8 r;
  ALL8(j) r.v[j] = R(a.v[j] * b.v[j]);
  return r;
}
static __device__ __forceinline__ P8 add(const P8& a, const P8& b) {
  P8 r;
  ALL8(j) r.v[j] = R(a.v[j] + b.v[j]);
  return r;
}
static __device__ __forceinline__ P8 larger(const P8& a, const P8& b) {
  P8 r;
  ALL8(j) r.v[j] = fmaxf(a.v[j], b.v[j]);
  return r;
}
static __device__ __forceinline__ P8 gelu_sigmoid(const P8& x) {
  P8 r;
  ALL8(j) r.v[j] = gelu_sigmoid(x.v[j]);
  return r;
}
static __device__ __forceinline__ P8 activate(const P8& x, int gelu) {
  P8 r;
  ALL8(j) r.v[j] = activate(x.v[j], gelu);
  return r;
}
#endif
static __device__ __forceinline__ P8 affine(const P8& x, const P8& scale, const P8& offset) {
  return add(mul(x, scale), offset);
}

static __device__ __forceinline__ float softplus(float x) { return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))); }

static __device__ __forceinline__ float warp_sum(float v) {
  for (int d = 16; d; d >>= 1) v += __shfl_xor_sync(~0u, v, d);
  return v;
}
static __device__ __forceinline__ float warp_max(float v) {
  for (int d = 16; d; d >>= 1) v = fmaxf(v, __shfl_xor_sync(~0u, v, d));
  return v;
}
// The sum over a block of at most 1024 threads, in every thread.
static __device__ __forceinline__ float block_sum(float v, float* shared) {
  v = warp_sum(v);
  __syncthreads();
  if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = v;
  __syncthreads();
  float w = threadIdx.x < (blockDim.x >> 5) ? shared[threadIdx.x] : 0.0f;
  if (threadIdx.x < 32) {
    w = warp_sum(w);
    if (threadIdx.x == 0) shared[0] = w;
  }
  __syncthreads();
  return shared[0];
}
static __device__ __forceinline__ float block_max(float v, float* shared) {
  v = warp_max(v);
  __syncthreads();
  if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = v;
  __syncthreads();
  float w = threadIdx.x < (blockDim.x >> 5) ? shared[threadIdx.x] : -INFINITY;
  if (threadIdx.x < 32) {
    w = warp_max(w);
    if (threadIdx.x == 0) shared[0] = w;
  }
  __syncthreads();
  return shared[0];
}
// Indices of units: fewer than 2^32 a launch, since divisions of 64 bits are slow.
#define GRID_STRIDE(i, n) \
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < (u32)(n); i += gridDim.x * blockDim.x)
