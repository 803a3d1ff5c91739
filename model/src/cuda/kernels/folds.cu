// What scores sum up of outputs, so that rows need not leave the device.

// Rows of both alleles that are compared: `rows` of them from `reference` and `alternate` on. Where `alternate` is negative, with
// zeros; where `inserted` is not 0, one row with the largest of so many.
struct Pairs {
  int reference, alternate, rows, inserted;
};
enum Folding { SUMS, SUMS_OF_LOG2, SQUARES, SQUARES_OF_LOG1P, LARGEST };

static __device__ __forceinline__ double larger_or_nan(double a, double b) { return a != a || b != b ? a + b : fmax(a, b); }

static __device__ __forceinline__ void fold_one(double own, double other, int folding, double* sums) {
  switch (folding) {
    case SUMS:
      sums[0] += own;
      sums[1] += other;
      break;
    case SUMS_OF_LOG2:
      sums[0] += log2(own + 1.0);
      sums[1] += log2(other + 1.0);
      break;
    case SQUARES:
      sums[1] += (other - own) * (other - own);
      break;
    case SQUARES_OF_LOG1P: {
      double difference = log1p(other) - log1p(own);
      sums[1] += difference * difference;
      break;
    }
    default:
      sums[1] = larger_or_nan(sums[1], fabs(other - own));
  }
}

// Each of the pieces for itself: x [all rows, tracks], y [pieces, tracks, 2]. A thread has one track; blockIdx.y is the piece.
extern "C" __global__ void fold_rows(const T* x, const Pairs* pieces, double* y, int tracks, int folding) {
  int track = blockIdx.x * blockDim.x + threadIdx.x;
  if (track >= tracks) return;
  Pairs piece = pieces[blockIdx.y];
  const T* own = x + (i64)piece.reference * tracks + track;
  const T* other = x + (i64)piece.alternate * tracks + track;
  double sums[2] = {0.0, 0.0};
  for (int row = 0; row < piece.rows; row++) {
    double alternate = 0.0;
    if (piece.inserted) {
      alternate = -INFINITY;
      for (int at = 0; at < piece.inserted; at++) alternate = larger_or_nan(alternate, load(other[(i64)at * tracks]));
    } else if (piece.alternate >= 0) {
      alternate = load(other[(i64)row * tracks]);
    }
    fold_one(load(own[(i64)row * tracks]), alternate, folding, sums);
  }
  double* to = y + ((i64)blockIdx.y * tracks + track) * 2;
  to[0] = sums[0];
  to[1] = sums[1];
}

// The pieces of each group in their order: x [pieces, tracks, 2], ends [groups], y [groups, tracks, 2].
extern "C" __global__ void fold_pieces(const double* x, const int* ends, double* y, int tracks, int folding) {
  int track = blockIdx.x * blockDim.x + threadIdx.x, group = blockIdx.y;
  if (track >= tracks) return;
  double sums[2] = {0.0, 0.0};
  for (int piece = group ? ends[group - 1] : 0; piece < ends[group]; piece++) {
    const double* from = x + ((i64)piece * tracks + track) * 2;
    sums[0] += from[0];
    sums[1] = folding == LARGEST ? larger_or_nan(sums[1], from[1]) : sums[1] + from[1];
  }
  double* to = y + ((i64)group * tracks + track) * 2;
  to[0] = sums[0];
  to[1] = sums[1];
}
