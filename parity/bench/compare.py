"""Times the comparison of two arrays against the same statistics in numpy and scipy.

    compare.py --binary target/release/examples/compare_raw [--megabytes 1000] [--dtype f32]

Writes two random arrays of together so many megabytes to a scratch folder, runs both sides on them
one after the other, reading apart, each `--repeats` times, and prints the best times, the rate and
the ratio. The results must agree. Exit code 1: slower than asked for (1 GB/s, 5 times), or the
results differ. numpy holds whole arrays in float64, as a script would: about 12 GB for 1,000 MB of bfloat16.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from scipy import stats

TOLERANCES = (1e-2, 5e-2, 1e-3, 1e-4)
LIMITS = (1e-3, 1e-2, 1e-1)


def write(folder, megabytes, dtype):
  size = 4 if dtype == 'f32' else 2
  n = megabytes * 1_000_000 // (2 * size)
  random = np.random.default_rng(0)
  a = 3 * random.standard_normal(n, dtype=np.float32)
  # Differences of the size that the type's rounding makes.
  noise = 1e-3 if dtype == 'f32' else 2e-2
  b = a + np.float32(noise) * random.standard_normal(n, dtype=np.float32)
  for name, x in (('a', a), ('b', b)):
    (x if dtype == 'f32' else (x.view(np.uint32) >> 16).astype(np.uint16)).tofile(folder / name)


def read(path, dtype):
  if dtype == 'f32':
    return np.fromfile(path, np.float32)
  return (np.fromfile(path, np.uint16).astype(np.uint32) << 16).view(np.float32)


def key(x, dtype):
  """Integers that rise with the floats by one a representable value."""
  bits = x.view(np.int32).astype(np.int64)
  bits = np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
  return bits if dtype == 'f32' else bits >> 16


def cells(values):
  """Counted whole numbers that lie near each other: the first, and how often each occurs."""
  first = int(values.min())
  return first, values - first


def numpy_statistics(a32, b32, dtype):
  keep = np.isfinite(a32) & np.isfinite(b32)
  if not keep.all():
    a32, b32 = a32[keep], b32[keep]
  del keep
  steps = np.abs(key(a32, dtype) - key(b32, dtype))
  ulp = np.bincount(np.frexp(steps.astype(np.float64))[1])
  del steps
  a, b = a32.astype(np.float64), b32.astype(np.float64)
  d = b - a
  mean, std = d.mean(), d.std()
  size = np.abs(d)
  result = {
      'relative_l2': np.linalg.norm(d) / np.linalg.norm(a), 'mad': size.mean(), 'max': int(size.argmax()),
      'rms': np.sqrt(np.mean(d * d)), 'means': (a.mean(), b.mean(), mean), 'stds': (a.std(), b.std(), std),
      'range': (a.min(), a.max(), b.min(), b.max(), d.min(), d.max()),
      'pearson': stats.pearsonr(a, b)[0],
      'cosine': np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)),
      'sign': float(np.mean(np.sign(a) == np.sign(b))),
      'within': [float(np.mean(size <= x + x * np.abs(a))) for x in TOLERANCES],
      'below': [float(np.mean(size < x)) for x in LIMITS],
      'ulp': ulp,
      'outliers': int((np.abs(d - mean) > 5 * std).sum()),
  }
  first, signed = cells(np.frexp(d)[1] * 2 + (d < 0))
  result['histogram'] = (first, np.bincount(signed))
  del signed
  result['t'] = mean / (d.std(ddof=1) / np.sqrt(d.size))
  del b, d
  first, exponents = cells(np.frexp(a)[1])
  counts = np.bincount(exponents)
  result['by_magnitude'] = (first, counts, np.bincount(exponents, size), np.bincount(exponents, size * size))
  return result


def close(x, y, what):
  if abs(x - y) > 1e-9 * abs(y):
    sys.exit(f'{what}: {x} from the library, {y} from numpy')


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument('--binary', required=True, help='the example compare_raw, built with --release')
  parser.add_argument('--megabytes', type=int, default=1000)
  parser.add_argument('--dtype', choices=('f32', 'bf16'), default='f32')
  parser.add_argument('--repeats', type=int, default=3)
  parser.add_argument('--scratch', help='folder for the arrays; a temporary one by default')
  args = parser.parse_args()
  with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
    folder = pathlib.Path(folder)
    write(folder, args.megabytes, args.dtype)
    command = [args.binary, args.dtype, folder / 'a', folder / 'b', str(args.repeats)]
    ours = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    a, b = (read(folder / name, args.dtype) for name in 'ab')
  theirs = float('inf')
  for _ in range(min(args.repeats, 2)):
    start = time.perf_counter()
    expected = numpy_statistics(a, b, args.dtype)
    theirs = min(theirs, time.perf_counter() - start)

  found = ours['statistics']
  for name in ('relative_l2', 'mad', 'rms', 'pearson', 'cosine'):
    close(found[name], expected[name], name)
  close(found['sign']['share'], expected['sign'], 'sign agreement')
  close(found['max']['index'], expected['max'], 'place of the largest difference')
  close(found['outliers']['count'], expected['outliers'], 'outliers')
  for x, y in zip(found['within'], expected['within']):
    close(x['share'], y, 'share within a tolerance')
  for x, y in zip(found['ulp']['bins'], expected['ulp'][expected['ulp'] > 0]):
    close(x['count'], y, 'ULP histogram')

  ratio, rate = theirs / ours['seconds'], ours['gb_per_s']
  print(f'{args.megabytes} MB of {args.dtype}: {ours["seconds"]:.3f} s ({rate:.2f} GB/s); '
        f'numpy and scipy {theirs:.2f} s; {ratio:.1f} times as fast; results agree to 1e-9')
  if ratio < 5 or rate < 1:
    sys.exit('slower than asked for: at least 1 GB/s and 5 times numpy')


if __name__ == '__main__':
  main()
