// Trials of operations: whether they give equal rows or sequences equal values, wherever these stand.

#define EACH(i, n) \
  for (i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x)

// The same noise in [-1, 1) in every `each` values, which are float32 where `wide`, else bfloat16.
extern "C" __global__ void repeated_noise(u8* x, i64 each, i64 n, int wide) {
  EACH(i, n) {
    u32 h = (u32)(i % each) * 2654435761u;
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    float v = (float)(int)(h ^ h >> 16) * 4.656612873e-10f;
    if (wide) ((float*)x)[i] = v;
    else ((u16*)x)[i] = to_bf16(v);
  }
}

// Counts the bytes that differ from those in the same place of the first `each`.
extern "C" __global__ void count_unequal(const u8* y, i64 each, i64 n, u32* count) {
  u32 found = 0;
  EACH(i, n) found += y[i] != y[i % each];
  for (int d = 16; d; d >>= 1) found += __shfl_xor_sync(~0u, found, d);
  if ((threadIdx.x & 31) == 0 && found) atomicAdd(count, found);
}
