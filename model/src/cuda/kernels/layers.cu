// Elementwise work of the encoder, the tower's residual stream, the decoder and the output embedders.
// Parameters are float32 arrays that hold values rounded as XLA reads them.

// Bases [rows] (0..3, anything else is no base) to the windows of the first convolution: [rows, padded], a one for tap k
// and base b in column 4 k + b. `rows` = sequences times length; windows do not cross sequences.
extern "C" __global__ void base_windows(const u8* bases, T* out, i64 rows, int length, int width, int padded) {
  int parts = padded / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int part = (int)(i % parts);
    int at = (int)((u32)row % length);
    V8 y;
    ALL8(j) y.v[j] = 0.0f;
    for (int t = 0; t < 2; t++) {
      int tap = part * 2 + t, place = at + tap - width / 2;
      if (tap < width && place >= 0 && place < length) {
        int base = bases[row + tap - width / 2];
        if (base < 4) ALL8(j) if (j == t * 4 + base) y.v[j] = 1.0f;
      }
    }
    store8(out + row * padded + part * 8, y);
  }
}

// gelu(norm(x)), and the first `kept` channels of x where they are asked for: x [rows, c], y [rows, c], head [rows, kept].
extern "C" __global__ void norm_gelu(const T* x, T* y, T* head, const float* scale, const float* offset, i64 rows, int c,
                                     int kept, int gelu) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    P8 a = load_packed(x + row * c + at);
    if (at < kept) store_packed(head + row * kept + at, a);
    store_packed(y + row * c + at, activate(affine(a, parameters(scale + at), parameters(offset + at)), gelu));
  }
}

// Max pool by 2, then norm and gelu: x [2 rows, c] to pooled [rows, wide] (zeros beyond c) and y [rows, c].
extern "C" __global__ void pool_norm_gelu(const T* x, T* pooled, T* y, const float* scale, const float* offset, i64 rows,
                                          int c, int wide) {
  int parts = wide / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    P8 a = same(0.0f);
    if (at < c) {
      a = larger(load_packed(x + 2 * row * c + at), load_packed(x + (2 * row + 1) * c + at));
      store_packed(y + row * c + at, gelu_sigmoid(affine(a, parameters(scale + at), parameters(offset + at))));
    }
    store_packed(pooled + row * wide + at, a);
  }
}

// Max pool by 2, plus the organism's embedding: x [B, 2 n, c], embedding [organisms, c], y [B, n, c].
extern "C" __global__ void pool_organism(const T* x, T* y, const float* embedding, const int* organism, i64 rows, int n,
                                         int c) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    P8 a = larger(load_packed(x + 2 * row * c + at), load_packed(x + (2 * row + 1) * c + at));
    store_packed(y + row * c + at, add(a, parameters(embedding + (i64)organism[(u32)row / n] * c + at)));
  }
}

// The residual stream: stream + norm(x + bias), then the next norm: x, stream, sum, y [rows, c].
extern "C" __global__ void residual_norm(const T* x, const float* bias, const float* scale, const float* offset,
                                         const T* stream, T* sum, T* y, const float* next_scale,
                                         const float* next_offset, i64 rows, int c, int gelu) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    i64 p = row * c + at;
    P8 a = affine(add(load_packed(x + p), parameters(bias + at)), parameters(scale + at), parameters(offset + at));
    a = add(load_packed(stream + p), a);
    store_packed(sum + p, a);
    if (y) store_packed(y + p, activate(affine(a, parameters(next_scale + at), parameters(next_offset + at)), gelu));
  }
}

// norm(x + bias): what the stream is about to receive, for taps. x, y [rows, c].
extern "C" __global__ void bias_norm(const T* x, const float* bias, const float* scale, const float* offset, T* y, i64 rows,
                                     int c) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    P8 a = add(load_packed(x + row * c + at), parameters(bias + at));
    store_packed(y + row * c + at, affine(a, parameters(scale + at), parameters(offset + at)));
  }
}

// relu(x + bias), in place: x [rows, c].
extern "C" __global__ void bias_relu(T* x, const float* bias, i64 rows, int c) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    P8 a = add(load_packed(x + row * c + at), parameters(bias + at));
    store_packed(x + row * c + at, larger(a, same(0.0f)));
  }
}

// The meeting of an up block: every position of low [rows / 2, c] twice, times `by`, plus skip + bias; then norm and gelu.
// skip, sum, y [rows, c]. `sum` may be `skip`.
extern "C" __global__ void upsample_norm_gelu(const T* low, const T* skip, const float* by, const float* bias, T* sum, T* y,
                                              const float* scale, const float* offset, i64 rows, int c) {
  int parts = c / 8;
  P8 factor = same(*by);
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    i64 p = row * c + at;
    P8 a = mul(load_packed(low + (row >> 1) * c + at), factor);
    a = add(a, add(load_packed(skip + p), parameters(bias + at)));
    store_packed(sum + p, a);
    store_packed(y + p, gelu_sigmoid(affine(a, parameters(scale + at), parameters(offset + at))));
  }
}

// Blocks of windows have 16 rows at 1 bp.
#define WINDOW_BLOCK 16

// An output embedding: gelu(norm(x + bias + skip) + organism), `every` base pairs sharing a row of skip.
// x, y [rows, c]; skip [all / every, c] or null; `n` rows a sequence. Rows are base pairs, or those of `blocks`. `y` may be `x`.
extern "C" __global__ void output_embedding(const T* x, const float* bias, const T* skip, int every, const int* blocks,
                                            const float* scale, const float* offset, const float* embedding,
                                            const int* organism, T* y, i64 rows, int n, int c) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    int at = (int)(i - (u32)row * parts) * 8;
    P8 a = add(load_packed(x + row * c + at), parameters(bias + at));
    if (skip) {
      u32 bin = blocks ? (u32)blocks[(u32)row / WINDOW_BLOCK] / (every / WINDOW_BLOCK) : (u32)row / every;
      a = add(a, load_packed(skip + (i64)bin * c + at));
    }
    a = affine(a, parameters(scale + at), parameters(offset + at));
    a = add(a, parameters(embedding + (i64)organism[(u32)row / n] * c + at));
    store_packed(y + row * c + at, gelu_sigmoid(a));
  }
}

// Rows of activations at a resolution: those of `blocks`, `each` rows of every one, or all where it is null. `s` rows a sequence.
// With a part, x is [s, c] of the first sequence, and what the patch changes comes from part [B, wide, c]; else x is [B, s, c].
// y [rows, c].
extern "C" __global__ void take_rows(const T* x, const T* part, T* y, const int* blocks, const int* patch, i64 rows, int s,
                                     int wide, int each, int resolution, int c) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    u32 row = i / (u32)parts;
    int at = (int)(i - row * parts) * 8;
    u32 from = blocks ? (u32)blocks[row / each] * each + row % each : row;
    const T* source = x + (i64)from * c;
    if (part) {
      int sequence = from / s, place = from - sequence * s, bases = place * resolution;
      source = bases >= patch[1] && bases < patch[2] ? part + ((i64)sequence * wide + place - patch[0] / resolution) * c
                                                     : x + (i64)place * c;
    }
    store_packed(y + (i64)row * c + at, load_packed(source + at));
  }
}

// The bases of a patch: bases [B, length], y [B, wide].
extern "C" __global__ void patch_bases(const u8* bases, u8* y, const int* patch, i64 count, int length, int wide) {
  GRID_STRIDE(i, count) y[i] = bases[(i64)(i / wide) * length + patch[0] + i % wide];
}

// Parts of activations for products of bfloat16, high high low: the first `c` values of rows of `stride`, y [rows, 3 c].
extern "C" __global__ void activation_parts(const T* x, u16* y, i64 rows, int c, int stride) {
  int parts = c / 8;
  GRID_STRIDE(i, rows * parts) {
    i64 row = i / (u32)parts;
    V8 from = load8(x + row * stride + (i - row * parts) * 8);
    u32 words[12];
    _Pragma("unroll") for (int pair = 0; pair < 4; pair++) {
      float a = from.v[2 * pair], b = from.v[2 * pair + 1];
      u32 high = pack(a, b), low;
      float high_a, high_b;
      unpack(high, high_a, high_b);
      low = pack(a - high_a, b - high_b);
      words[3 * pair] = __byte_perm(high, high, 0x1010);
      words[3 * pair + 1] = __byte_perm(low, high, 0x7610);
      words[3 * pair + 2] = __byte_perm(high, low, 0x7632);
    }
    uint4* to = (uint4*)(y + (i64)i * 24);
    _Pragma("unroll") for (int j = 0; j < 3; j++)
      to[j] = make_uint4(words[4 * j], words[4 * j + 1], words[4 * j + 2], words[4 * j + 3]);
  }
}
