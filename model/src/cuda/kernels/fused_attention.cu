// The sequence attention without logits in memory, on Hopper's tensor cores (wgmma): queries with keys, soft-capped softmax,
// weights with values, 64 keys at a time. Two warpgroups of a block multiply, a third brings keys and values. No logit exceeds
// the cap, so exponentials need no largest one: sums of them and of their products with the values are divided at the end.
// Weights are rounded to bfloat16 before that division.
#if BF16 && defined(__CUDA_ARCH_FEAT_SM90_ALL)

// Rows (a query of a head each) of a block; keys of a tile; widths of heads and values; tiles in shared memory.
#define ROWS 128
#define KEYS 64
#define WIDTH 128
#define VALUE_WIDTH 192
#define SLOTS 4
// 64 bfloat16 channels, 128 bytes, are a line of shared memory, its eight pieces of 16 bytes permuted by the line's number.
#define KEY_BYTES (KEYS * WIDTH * 2)
#define VALUE_BYTES (KEYS * VALUE_WIDTH * 2)
#define TILE_BYTES (KEY_BYTES + VALUE_BYTES)

static __device__ __forceinline__ u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }
// 16 bytes to shared memory, zeros where `exists` is false.
static __device__ __forceinline__ void copy_async(u32 to, const void* from, bool exists) {
  int bytes = exists ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
static __device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int PENDING>
static __device__ __forceinline__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
  // What ordinary instructions wrote, the tensor cores see.
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
static __device__ __forceinline__ void barrier_init(u32 barrier, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");
}
static __device__ __forceinline__ void barrier_arrive(u32 barrier) {
  asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared::cta.b64 state, [%0];\n}\n" ::"r"(barrier) : "memory");
}
static __device__ __forceinline__ void barrier_wait(u32 barrier, u32 parity) {
  asm volatile(
      "{\n.reg .pred done;\nagain:\nmbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n@!done bra again;\n}\n" ::"r"(
          barrier),
      "r"(parity)
      : "memory");
}
static __device__ __forceinline__ void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
static __device__ __forceinline__ void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int PENDING>
static __device__ __forceinline__ void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}
// Registers that products still write or read, as far as the compiler knows: nothing moves over this.
template <int N>
static __device__ __forceinline__ void settle(float (&values)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(values[i])::"memory");
}
// A matrix in shared memory: lines of 128 bytes, eight lines every `stride` bytes; the next 64 channels `leading` bytes on.
static __device__ __forceinline__ u64 matrix(u32 address, u32 leading, u32 stride) {
  return (u64)((address & 0x3ffff) >> 4) | (u64)(leading >> 4) << 16 | (u64)(stride >> 4) << 32 | 1ull << 62;
}

#define TWO(a, i) "+f"(a[i]), "+f"(a[i + 1])
#define EIGHT(a, i) TWO(a, i), TWO(a, i + 2), TWO(a, i + 4), TWO(a, i + 6)
#define THIRTY_TWO(a, i) EIGHT(a, i), EIGHT(a, i + 8), EIGHT(a, i + 16), EIGHT(a, i + 24)

// s [64, 64] = or += a [64, 16] (registers) b [64, 16]^T (shared memory).
static __device__ __forceinline__ void multiply_keys(float (&s)[32], const u32* a, u64 b, int add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, "
      "%23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, p, 1, 1, 0;\n}\n"
      : THIRTY_TWO(s, 0)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add));
}
// o [64, 192] += a [64, 16] (registers) b [16, 192] (shared memory).
static __device__ __forceinline__ void multiply_values(float (&o)[96], const u32* a, u64 b) {
  asm volatile(
      "{\nwgmma.mma_async.sync.aligned.m64n192k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, "
      "%23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, "
      "%44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, %64, "
      "%65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, %84, %85, "
      "%86, %87, %88, %89, %90, %91, %92, %93, %94, %95}, {%96, %97, %98, %99}, %100, 1, 1, 1, 1;\n}\n"
      : THIRTY_TWO(o, 0), THIRTY_TWO(o, 32), THIRTY_TWO(o, 64)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}
static __device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
static __device__ __forceinline__ float reciprocal_fast(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Shared memory: for each slot a barrier that its tile is there and one that it is no longer needed, then the tiles.
static __device__ __forceinline__ u32 slot(u32 tiles, int tile) { return tiles + tile % SLOTS * TILE_BYTES; }
static __device__ __forceinline__ u32 full(u32 barriers, int tile) { return barriers + tile % SLOTS * 16; }
static __device__ __forceinline__ u32 empty(u32 barriers, int tile) { return full(barriers, tile) + 8; }

// A warpgroup that brings keys and values of all tiles to their slots.
static __device__ __forceinline__ void bring(u32 barriers, u32 tiles, const u16* keys, const u16* values, int s, int count) {
  int thread = threadIdx.x & 127, key = thread / 16, piece = thread % 16;
  u32 key_to = (piece / 8) * (KEYS * 128) + key * 128 + (((piece ^ key) & 7) << 4);
  keys += piece * 8;
  int value = thread / 8, part = thread % 8;
  u32 value_to = KEY_BYTES + value * 128 + (((part ^ value) & 7) << 4);
  values += part * 8;
  for (int tile = 0; tile < count + 2; tile++) {
    if (tile < count) {
      if (tile >= SLOTS) barrier_wait(empty(barriers, tile), (tile / SLOTS - 1) & 1);
      u32 at = slot(tiles, tile);
#pragma unroll
      for (int k = 0; k < KEYS / 8; k++) {
        int line = tile * KEYS + 8 * k + key;
        copy_async(at + key_to + k * (8 * 128), keys + (i64)min(line, s - 1) * WIDTH, line < s);
      }
#pragma unroll
      for (int k = 0; k < KEYS / 16; k++) {
        int line = tile * KEYS + 16 * k + value;
        const u16* from = values + (i64)min(line, s - 1) * VALUE_WIDTH;
#pragma unroll
        for (int block = 0; block < VALUE_WIDTH / 64; block++)
          copy_async(at + value_to + k * (16 * 128) + block * (KEYS * 128), from + block * 64, line < s);
      }
    }
    copies_commit();
    // The tile before the last one has landed.
    copies_wait<2>();
    if (tile >= 2) barrier_arrive(full(barriers, tile - 2));
  }
}

// What a warpgroup that multiplies needs to know.
struct Attention {
  u32 barriers;
  // Matrices of the first slot's keys and values.
  u64 keys, values;
  // The bias of this thread's head and queries, for 16 keys each.
  const T* bias;
  int groups, heads;
  float scale, bias_scale, top;

  // The biases of a tile; nothing beyond the last key.
  __device__ __forceinline__ void load_bias(T (&biases)[KEYS / 16], int tile) const {
#pragma unroll
    for (int g = 0; g < KEYS / 16; g++) {
      int group = tile * (KEYS / 16) + g;
      biases[g] = group < groups ? bias[(i64)group * heads] : (T)0;
    }
  }
  // Enqueues logits = queries keys^T of a tile, as soon as it is there.
  __device__ __forceinline__ void products(float (&logits)[32], const u32 (&queries)[WIDTH / 4], int tile) const {
    barrier_wait(full(barriers, tile), tile / SLOTS & 1);
    u64 b = keys + (slot(0, tile) >> 4);
    products_begin();
#pragma unroll
    for (int k = 0; k < WIDTH / 16; k++)
      multiply_keys(logits, queries + 4 * k, b + ((k / 4) * (KEYS * 128) + (k % 4) * 32) / 16, k);
    products_commit();
  }
  // Logits of a tile become exponentials, and are added to the sums.
  __device__ __forceinline__ void exponentials(float (&logits)[32], const T (&biases)[KEYS / 16], int tile,
                                               float (&sums)[2]) const {
#pragma unroll
    for (int g = 0; g < KEYS / 16; g++) {
      float exists = tile * (KEYS / 16) + g < groups ? 1.0f : 0.0f;
      float shared_bias = ::load(biases[g]) * bias_scale;
#pragma unroll
      for (int i = 8 * g; i < 8 * g + 8; i++) {
        // tanh(x) - 1 = -2 / (exp(2 x) + 1), times the cap, to the power of two.
        float t = exp2_fast(fmaf(logits[i], scale, shared_bias));
        logits[i] = exp2_fast(top * reciprocal_fast(t + 1.0f)) * exists;
        sums[(i >> 1) & 1] += logits[i];
      }
    }
  }
  // Enqueues o += weights values of a tile.
  __device__ __forceinline__ void outputs(float (&o)[96], const u32 (&weights)[16], int tile) const {
    u64 b = values + (slot(0, tile) >> 4);
    products_begin();
#pragma unroll
    for (int k = 0; k < KEYS / 16; k++) multiply_values(o, weights + 4 * k, b + k * (2048 / 16));
    products_commit();
  }
};

// queries [B, s, heads, 128], keys [B, s, 128], values [B, s, 192]; bias [B, s / 16, s / 16, heads]; out [B, s, heads, 192].
// heads is 8; a block 16 queries of all heads. Dynamic shared memory: SLOTS TILE_BYTES + 2048.
extern "C" __launch_bounds__(384, 1) __global__ void fused_attention(const u16* queries, const u16* keys, const u16* values,
                                                                     const T* bias, T* out, int s, int heads, float scale,
                                                                     float cap) {
  extern __shared__ u8 memory[];
  i64 sequence = blockIdx.y;
  int groups = s / 16, count = (s + KEYS - 1) / KEYS;
  u32 barriers = shared_address(memory), tiles = (barriers + SLOTS * 16 + 1023) & ~1023u;
  if (threadIdx.x == 0) {
    for (int i = 0; i < SLOTS; i++) {
      barrier_init(full(barriers, i), 128);
      barrier_init(empty(barriers, i), 8);
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
  __syncthreads();
  if (threadIdx.x >= 256) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    bring(barriers, tiles, keys + sequence * s * WIDTH, values + sequence * s * VALUE_WIDTH, s, count);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    int lane = threadIdx.x & 31, row = (threadIdx.x >> 5) * 16 + (lane >> 2);
    Attention attention;
    attention.barriers = barriers;
    attention.keys = matrix(tiles, 16, 1024);
    attention.values = matrix(tiles + KEY_BYTES, KEYS * 128, 1024);
    attention.groups = groups;
    attention.heads = heads;
    const float log2e = 1.44269504f;
    attention.scale = scale / cap * 2.0f * log2e;
    attention.bias_scale = 2.0f * log2e / cap;
    attention.top = -2.0f * cap * log2e;
    // The rows of a thread are of one head and one group of queries.
    attention.bias = bias + (sequence * groups + blockIdx.x) * (i64)groups * heads + row % heads;
    T biases[KEYS / 16], next[KEYS / 16];
    attention.load_bias(biases, 0);
    attention.load_bias(next, 1);
    // Queries as the products want them: rows `row` and `row + 8`, two channels at a time.
    i64 first = sequence * s * heads + (i64)blockIdx.x * ROWS;
    u32 q[WIDTH / 4];
    const u16* query = queries + (first + row) * WIDTH + 2 * (lane & 3);
#pragma unroll
    for (int k = 0; k < WIDTH / 16; k++) {
      q[4 * k] = *(const u32*)(query + 16 * k);
      q[4 * k + 1] = *(const u32*)(query + 8 * WIDTH + 16 * k);
      q[4 * k + 2] = *(const u32*)(query + 16 * k + 8);
      q[4 * k + 3] = *(const u32*)(query + 8 * WIDTH + 16 * k + 8);
    }
    float logits[32], o[96], sums[2] = {0.0f, 0.0f};
    u32 weights[16];
#pragma unroll
    for (int i = 0; i < 96; i++) o[i] = 0.0f;
#pragma unroll
    for (int i = 0; i < 32; i++) logits[i] = 0.0f;
    attention.products(logits, q, 0);
    products_wait<0>();
    settle(logits);
    attention.exponentials(logits, biases, 0, sums);
#pragma unroll
    for (int i = 0; i < 16; i++) weights[i] = pack(logits[2 * i], logits[2 * i + 1]);
    for (int tile = 0; tile < count - 1; tile++) {
      attention.products(logits, q, tile + 1);
      attention.outputs(o, weights, tile);
#pragma unroll
      for (int g = 0; g < KEYS / 16; g++) biases[g] = next[g];
      attention.load_bias(next, tile + 2);
      // Exponentials of the next tile while this one's products with the values run.
      products_wait<1>();
      settle(logits);
      attention.exponentials(logits, biases, tile + 1, sums);
      products_wait<0>();
      if (lane == 0) barrier_arrive(empty(barriers, tile));
#pragma unroll
      for (int i = 0; i < 16; i++) weights[i] = pack(logits[2 * i], logits[2 * i + 1]);
    }
    attention.outputs(o, weights, count - 1);
    products_wait<0>();
    settle(o);
#pragma unroll
    for (int h = 0; h < 2; h++) {
      sums[h] += __shfl_xor_sync(~0u, sums[h], 1);
      sums[h] += __shfl_xor_sync(~0u, sums[h], 2);
      float inverse = 1.0f / sums[h];
      T* to = out + (first + row + 8 * h) * VALUE_WIDTH + 2 * (lane & 3);
#pragma unroll
      for (int i = 0; i < VALUE_WIDTH / 8; i++)
        *(u32*)(to + 8 * i) = pack(o[4 * i + 2 * h] * inverse, o[4 * i + 2 * h + 1] * inverse);
    }
  }
}
#undef ROWS
#undef KEYS
#undef WIDTH
#undef VALUE_WIDTH
#undef SLOTS
#undef KEY_BYTES
#undef VALUE_BYTES
#undef TILE_BYTES
#undef TWO
#undef EIGHT
#undef THIRTY_TWO
#endif
