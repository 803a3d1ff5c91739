"""Expected values of every statistic, by numpy and scipy: an independent check.

    pip install numpy scipy && python reference.py > reference.json

The inputs come from a linear congruential generator that `reference.rs` repeats, so that the file
holds expected values alone. Nothing here shares a formula with the library where numpy or scipy has
its own; `1 - r` is taken in extended precision from unit vectors.
"""

import json

import numpy as np
from scipy import special, stats

MASK = (1 << 64) - 1
TOLERANCES = [1e-2, 5e-2, 1e-3, 1e-4]
LIMITS = [1e-3, 1e-2, 1e-1]
LISTED = 16
TIE = 0.05


def draw(n, seed):
  """n numbers in [0, 1)."""
  out, state = np.empty(n), seed
  for i in range(n):
    state = (state * 6364136223846793005 + 1442695040888963407) & MASK
    out[i] = (state >> 11) / float(1 << 53)
  return out


def make(recipe, n, seed):
  """The reference and the candidate as float64, before they are rounded to the case's type."""
  u = draw(2 * n, seed)
  x, e = u[:n] * 8.0 - 4.0, u[n:] - 0.5
  i = np.arange(n)
  if recipe == 'random':
    return x, x + e * e * e * 0.125
  if recipe == 'heavy':  # a few large differences
    e3 = e * e * e * 8.0
    return x, x + e3 * e3 * e3 * e3 * e3
  if recipe == 'tiny_difference':
    return x, x + e * 1e-9
  if recipe == 'offset':
    return x + 1e6, x + 1e6 + e * 0.125
  if recipe == 'bias':
    return x, x + e * 0.125 + 0.01
  if recipe == 'scaled':
    return x, x * 1.25
  if recipe == 'opposite':
    return x, e - x
  if recipe == 'bit_equal':
    return x, x
  if recipe == 'constant_equal':
    return x * 0.0 + 0.1, x * 0.0 + 0.1
  if recipe == 'constant_reference':
    return x * 0.0 + 0.1, e
  if recipe == 'constant_both':
    return x * 0.0 + 0.1, x * 0.0 + 0.3
  if recipe == 'zero_reference':
    return x * 0.0, e
  if recipe == 'zero_both':
    return x * 0.0, x * -0.0
  if recipe == 'nan':
    a, b = x.copy(), x + e * 0.125
    a[i % 7 == 3] = np.nan
    b[i % 7 == 3] = np.nan
    a[i % 31 == 1] = np.nan
    b[i % 37 == 2] = np.nan
    b[i % 41 == 5] = np.inf
    a[i % 43 == 6] = -np.inf
    b[i % 43 == 6] = -np.inf
    return a, b
  if recipe == 'all_nan':
    return x * np.nan, x * np.nan
  if recipe == 'positive':
    return np.abs(x), np.abs(x + e * 0.125)
  raise ValueError(recipe)


def bf16_bits(x):
  bits = np.asarray(x, np.float32).view(np.uint32).astype(np.uint64)
  rounded = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)
  return np.where(np.isnan(x), 0x7FC0, rounded).astype(np.uint16)


def from_bits(bits):
  return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def rounded(x, dtype):
  with np.errstate(invalid='ignore', over='ignore'):
    if dtype == 'f64':
      return x
    if dtype == 'f32':
      return x.astype(np.float32).astype(np.float64)
    if dtype == 'f16':
      return x.astype(np.float32).astype(np.float16).astype(np.float64)
    if dtype == 'bf16':
      return from_bits(bf16_bits(x.astype(np.float32)))
    if dtype == 'i32':
      return np.trunc(x * 100.0)
    if dtype == 'bool':
      return (x > 0.0).astype(np.float64)
  raise ValueError(dtype)


def none(reason):
  return {'undefined': reason}


def stat(value):
  return float(value)


def mean_of(values):
  return stat(np.mean(values)) if len(values) else none('empty')


def spread(x):
  if not len(x):
    return dict.fromkeys(('mean', 'std', 'min', 'max'), none('empty'))
  std = 0.0 if x.min() == x.max() else x.std()
  return {'mean': stat(x.mean()), 'std': stat(std), 'min': stat(x.min()), 'max': stat(x.max())}


def relative_l2(a, b):
  if not len(a):
    return none('empty')
  if (a == b).all():
    return 0.0
  if not a.any():
    return none('zero_norm')
  return stat(np.linalg.norm(b - a) / np.linalg.norm(a))


def complement(x, y):
  """1 minus the cosine of x and y: half the squared distance of the unit vectors."""
  x, y = x.astype(np.longdouble), y.astype(np.longdouble)
  u, v = x / np.sqrt((x * x).sum()), y / np.sqrt((y * y).sum())
  return stat(((u - v) ** 2).sum() / 2)


def pearson(a, b):
  if len(a) < 2 or a.min() == a.max() or b.min() == b.max():
    reason = none('empty' if not len(a) else 'too_few' if len(a) < 2 else 'constant')
    return reason, reason
  a, b = a.astype(np.longdouble), b.astype(np.longdouble)
  lost = complement(a - a.mean(), b - b.mean())
  r = stats.pearsonr(a.astype(np.float64), b.astype(np.float64))[0]
  if lost < 0.5:
    assert abs(r - (1 - lost)) < 1e-9
  return stat(r), lost


def cosine(a, b):
  if not len(a):
    return none('empty'), none('empty')
  if not a.any() or not b.any():
    return none('zero_norm'), none('zero_norm')
  c = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
  return stat(min(c, 1.0)), complement(a, b)


def t_test(a, b):
  d = b - a
  if len(d) < 2:
    reason = none('empty' if not len(d) else 'too_few')
  elif d.min() == d.max():
    reason = none('constant_difference')
  else:
    found = stats.ttest_rel(b, a)
    return {'t': stat(found.statistic), 'freedom': float(len(d) - 1), 'p': stat(found.pvalue)}
  return dict.fromkeys(('t', 'freedom', 'p'), reason)


def exponent(x):
  return np.clip(np.frexp(np.abs(x))[1] - 1, -64, 63)


def steps(a, b, dtype):
  def key(x):
    with np.errstate(over='ignore'):
      x = x.astype(np.float32)
      if dtype == 'bf16':
        bits, half = bf16_bits(x).astype(np.int64), 1 << 15
      elif dtype == 'f16':
        bits, half = x.astype(np.float16).view(np.uint16).astype(np.int64), 1 << 15
      else:
        bits, half = x.view(np.uint32).astype(np.int64), 1 << 31
    return np.where(bits >= half, half - bits, bits)
  return np.abs(key(a) - key(b))


def place(i, a, b):
  return {'index': int(i), 'reference': float(a[i]), 'candidate': float(b[i]), 'difference': float(b[i] - a[i])}


def kind(x):
  return 'nan' if np.isnan(x) else 'finite' if np.isfinite(x) else 'positive_infinity' if x > 0 else 'negative_infinity'


def summary(fa, fb, ulp):
  keep = np.isfinite(fa) & np.isfinite(fb)
  where, a, b = np.flatnonzero(keep), fa[keep], fb[keep]
  d, n = b - a, int(keep.sum())
  kinds = [(int(i), kind(x), kind(y)) for i, (x, y) in enumerate(zip(fa, fb)) if kind(x) != kind(y)]
  r, lost = pearson(a, b)
  c, lost_c = cosine(a, b)
  same = np.sign(a) == np.sign(b)
  absolute = np.abs(d)
  distance = np.abs(d - d.mean()) if n else d
  beyond = distance > 5 * d.std() if n and d.min() < d.max() else np.zeros(n, bool)
  worst = sorted(np.flatnonzero(beyond), key=lambda i: (-distance[i], i))[:LISTED]
  gaps = steps(a, b, ulp)
  lengths = np.array([int(g).bit_length() for g in gaps], int)
  bins = exponent(d)
  magnitudes = exponent(a)
  by_magnitude = []
  for e in [None, *range(-64, 64)]:
    cell = absolute[(a == 0) if e is None else (a != 0) & (magnitudes == e)]
    if len(cell):
      by_magnitude.append({
          'exponent': e, 'count': len(cell), 'mad': stat(cell.mean()),
          'rms': stat(np.sqrt((cell ** 2).mean())), 'max': stat(cell.max())})
  within = [(t, int((absolute <= t + t * np.abs(a)).sum())) for t in TOLERANCES]
  below = [(t, int((absolute < t).sum())) for t in LIMITS]
  share = lambda count: count / n if n else none('empty')
  return {
      'count': len(fa), 'finite': n,
      'non_finite': {
          'reference_nan': int(np.isnan(fa).sum()), 'candidate_nan': int(np.isnan(fb).sum()),
          'reference_inf': int(np.isinf(fa).sum()), 'candidate_inf': int(np.isinf(fb).sum()),
          'mismatches': len(kinds),
          'first': [{'index': i, 'reference': x, 'candidate': y} for i, x, y in kinds[:LISTED]]},
      'equal': int((d == 0).sum()),
      'identical': not kinds and bool((d == 0).all()),
      'reference': spread(a), 'candidate': spread(b), 'difference': spread(d),
      'relative_l2': relative_l2(a, b),
      'mad': mean_of(absolute),
      'rms': stat(np.sqrt(np.mean(d ** 2))) if n else none('empty'),
      'max': place(where[np.argmax(absolute)], fa, fb) if n else None,
      'pearson': r, 'one_minus_pearson': lost, 'cosine': c, 'one_minus_cosine': lost_c,
      'sign': {'count': int(same.sum()), 'share': mean_of(same)},
      'within': [{'absolute': t, 'relative': t, 'count': k, 'share': share(k)} for t, k in within],
      'below': [{'limit': t, 'count': k, 'share': share(k)} for t, k in below],
      't_test': t_test(a, b),
      'ulp': {
          'float_type': ulp, 'max': int(gaps.max()) if n else 0,
          'bins': [{'low': (1 << k) >> 1, 'high': (1 << k) - 1, 'count': int((lengths == k).sum())}
                   for k in range(33) if (lengths == k).any()]},
      'histogram': {
          'zero': int((d == 0).sum()),
          'bins': [{'exponent': e, 'negative': int(((bins == e) & (d < 0)).sum()),
                    'positive': int(((bins == e) & (d > 0)).sum())}
                   for e in range(-64, 64) if ((bins == e) & (d != 0)).any()]},
      'by_magnitude': by_magnitude,
      'outliers': {
          'sigmas': 5.0, 'count': int(beyond.sum()), 'share': mean_of(beyond),
          'worst': [place(where[i], fa, fb) for i in worst]},
  }


def finite(a, b):
  keep = np.isfinite(a) & np.isfinite(b)
  return a[keep], b[keep]


def quantiles(a, b):
  a, b = finite(a, b)
  probabilities = [0.0, 0.01, 0.5, 0.9, 0.999, 1.0]
  of = lambda x, p: stat(np.quantile(x, p)) if len(x) else none('empty')
  row = lambda x: [{'probability': p, 'value': of(x, p)} for p in probabilities]
  return {'signed': row(b - a), 'absolute': row(np.abs(b - a))}


def deciles(a, b):
  a, b = finite(a, b)
  order = np.argsort(a, kind='stable')
  rows = []
  for k in range(10):
    part = order[k * len(a) // 10:(k + 1) * len(a) // 10]
    x, y = a[part], b[part]
    some = lambda f: stat(f()) if len(x) else none('empty')
    rows.append({
        'decile': k + 1, 'low': some(lambda: x.min()), 'high': some(lambda: x.max()), 'count': len(x),
        'relative_l2': relative_l2(x, y), 'mad': mean_of(np.abs(y - x)), 'mean': mean_of(y - x),
        'max': some(lambda: np.abs(y - x).max()), 'pearson': pearson(x, y)[0]})
  return rows


def group(number, a, b):
  a, b = finite(a.ravel(), b.ravel())
  r, lost = pearson(a, b)
  return {
      'group': number, 'count': len(a), 'relative_l2': relative_l2(a, b), 'pearson': r,
      'one_minus_pearson': lost, 'mean': mean_of(b - a), 'mad': mean_of(np.abs(b - a)),
      'max': stat(np.abs(b - a).max()) if len(a) else none('empty')}


def groups(a, b, shape, window):
  a, b = a.reshape(shape), b.reshape(shape)
  tracks = [group(c, a[..., c], b[..., c]) for c in range(shape[-1])]
  starts = range(0, shape[1], window)
  return {'tracks': tracks,
          'windows': [group(g, a[:, s:s + window], b[:, s:s + window]) for g, s in enumerate(starts)]}


LEAST_BLOCKS = 6
CUT = 0.1


def two_way(u, block, track, cut=CUT):
  """Variance, degrees of freedom and clusters of the sum of cells `u`: by block, by track, by both."""
  def one_way(labels, least, lost):
    sums = np.array([u[labels == g].sum() for g in np.unique(labels)])
    g = len(sums)
    return (g / (g - 1) * (sums ** 2).sum() / (1 - lost), g - 1, g) if g >= least else None
  p, q = one_way(block, LEAST_BLOCKS, cut), one_way(track, 2, 0.0)
  if p is None or q is None:
    return p, q, (*p, 1) if p and len(np.unique(track)) == 1 else None
  freedom = p[1] * q[1]
  r = (len(u) / freedom * squares_left(u, block, track), freedom)
  seen = [r[0] == 0 or stats.f.sf(v[0] / r[0], v[1], freedom) < 0.25 for v in (p, q)]
  if all(seen):
    both = p[0] + q[0] - r[0]
    with np.errstate(invalid='ignore'):
      nu = np.nan_to_num(both ** 2 / sum(v[0] ** 2 / v[1] for v in (p, q, r)))
  else:
    both, nu = (p if seen[0] else q if seen[1] else r)[:2]
  return p, q, (max(both, r[0]), max(nu, min(p[1], q[1])), min(p[2], q[2]), q[2])


def squares_left(u, block, track):
  mean = lambda labels: np.array([u[labels == g].mean() for g in labels])
  return ((u - mean(block) - mean(track) + u.mean()) ** 2).sum()


def cluster_error(d, variance, few='too_few_blocks'):
  reason = None
  if not len(d):
    reason = none('empty')
  elif d.min() == d.max():
    reason = none('constant_difference')
  elif variance is None:
    reason = none(few)
  elif variance[0] == 0:
    reason = none('constant_difference')
  clusters = variance[2] if variance else 0
  if reason:
    return {'clusters': clusters, 'standard_error': reason,
            't_test': dict.fromkeys(('t', 'freedom', 'p'), reason)}
  se, freedom = np.sqrt(variance[0]), variance[1]
  t = d.mean() / se
  return {'clusters': clusters, 'standard_error': stat(se),
          't_test': {'t': stat(t), 'freedom': float(freedom), 'p': stat(2 * stats.t.sf(abs(t), freedom))}}


def cells_of(block, track, width):
  """The filled cells in order, their blocks and tracks, and each value's cell."""
  cells, place = np.unique(block * width + track, return_inverse=True)
  return cells // width, cells % width, place


def labelled(a, b, shape, window):
  index = np.indices(shape)
  block, track = (index[1] // window).ravel(), index[2].ravel()
  keep = np.isfinite(a) & np.isfinite(b)
  return b[keep] - a[keep], a[keep], b[keep], block[keep], track[keep]


def bias(fa, fb, shape, window, margin=0.012, alpha=0.05):
  d, a, b, block, track = labelled(fa, fb, shape, window)
  p = q = both = None
  if len(d):
    blocks, tracks, place = cells_of(block, track, shape[2])
    p, q, both = two_way(np.bincount(place, d - d.mean()) / len(d), blocks, tracks)
  plain, by_both = t_test(a, b), cluster_error(d, both)
  se = by_both['standard_error']
  if isinstance(se, dict):
    equivalence = {'margin': margin, 'p': se, 'low': se, 'high': se,
                   'equivalent': bool(len(d) and d.min() == d.max() and abs(d.mean()) < margin)}
  else:
    freedom, m = by_both['t_test']['freedom'], d.mean()
    worst = max(stats.t.sf((m + margin) / se, freedom), stats.t.sf((margin - m) / se, freedom))
    low, high = stats.t.interval(1 - 2 * alpha, freedom, m, se)
    equivalence = {'margin': margin, 'p': stat(worst), 'low': stat(low), 'high': stat(high),
                   'equivalent': bool(worst < alpha)}
  ps = plain['p'], by_both['t_test']['p']
  return {'mean': mean_of(d), 'plain': plain, 'by_block': cluster_error(d, p),
          'by_track': cluster_error(d, q, 'too_few'), 'two_way': by_both, 'equivalence': equivalence,
          'plain_disagrees': all(isinstance(x, float) for x in ps) and (ps[0] < alpha) != (ps[1] < alpha)}


def effective(fa, fb, shape):
  window = max(-(-shape[1] // 32), 1)
  d, _, _, block, track = labelled(fa, fb, shape, window)
  if not len(d) or not (d != 0).any():
    return none('constant_difference' if len(d) else 'empty')
  total, n = (d ** 2).sum(), len(d)
  parts = [d[block == g] for g in np.unique(block)]
  residuals = np.array([(x ** 2).sum() - len(x) * total / n for x in parts])
  g = len(parts)
  r = dependence(fa, fb, shape)['correlation'] ** (2 * window)
  between = g / (g - 1) * (residuals ** 2).sum() / total ** 2 * (1 + r) / (1 - r) if g > 1 else 0.0
  offset = lambda x: 2 * (len(x) * x.mean() ** 2 / total) ** 2 if len(x) else 0.0
  offsets = sum(offset(d[track == c]) for c in range(shape[2])) + offset(d)
  return stat(2 / (max(between, (2 if g >= 8 else 4) / n) + offsets))


def track_bias(fa, fb, shape, window):
  d, _, _, block, track = labelled(fa, fb, shape, window)
  rows = []
  for c in range(shape[2]):
    dc, bc = d[track == c], block[track == c]
    u = np.array([(dc[bc == g] - dc.mean()).sum() / len(dc) for g in np.unique(bc)])
    p = two_way(u, np.unique(bc), np.zeros(len(u), int))[0] if len(dc) else None
    rows.append({'track': c, 'mean': mean_of(dc), 'by_block': cluster_error(dc, p)})
  ps = [row['by_block']['t_test']['p'] for row in rows]
  defined = [i for i, p in enumerate(ps) if not isinstance(p, dict)]
  adjusted = stats.false_discovery_control([ps[i] for i in defined]) if defined else []
  for row, p in zip(rows, ps):
    row['adjusted_p'] = p
  for i, p in zip(defined, adjusted):
    rows[i]['adjusted_p'] = stat(p)
  return rows


def intervals(fa, fb, shape, window, alpha=0.1):
  d, a, b, block, track = labelled(fa, fb, shape, window)
  value = lambda x: None if isinstance(x, dict) else x
  rms = lambda a, b: stat(np.sqrt(((b - a) ** 2).mean())) if len(a) else none('empty')
  functions = {  # the statistic, what the interval is symmetric in, and the way back
      'relative_l2': (relative_l2, relative_l2), 'mad': (lambda a, b: mean_of(np.abs(b - a)),) * 2, 'rms': (rms, rms),
      'mean_difference': (lambda a, b: mean_of(b - a), None),
      'pearson': (lambda a, b: pearson(a, b)[0], lambda a, b: pearson(a, b)[1]),
      'one_minus_pearson': (lambda a, b: pearson(a, b)[1],) * 2,
      'cosine': (lambda a, b: cosine(a, b)[0], lambda a, b: cosine(a, b)[1])}
  rows = []
  for name, (f, distance) in functions.items():
    least = np.finfo(float).eps if name in ('pearson', 'one_minus_pearson', 'cosine') else 0.0
    def scaled(a, b):
      if distance is None:
        return value(f(a, b))
      x = value(distance(a, b))
      return np.log(x) if x and x > least else None
    back = (lambda x: x) if distance is None else (lambda x: 1 - np.exp(x)) if name in ('pearson', 'cosine') else np.exp
    whole, both = scaled(a, b), None
    if len(d):
      blocks, tracks, place = cells_of(block, track, shape[2])
      u = np.zeros(len(blocks))
      for c in range(len(blocks)):
        keep = place != c
        part = scaled(a[keep], b[keep])
        if whole is not None and part is not None:
          u[c] = (whole - part) * keep.sum() / len(d)
      both = two_way(u, blocks, tracks)[2]
    estimate = f(a, b)
    reason = (estimate if isinstance(estimate, dict) else none('too_few_blocks') if both is None
              else none('constant_difference')
              if whole is None or np.sqrt(both[0]) <= 1e-12 * (abs(whole) if distance is None else 1)
              else none('too_few') if distance is not None and 2 <= both[3] < 60 else None)
    row = {'statistic': name, 'estimate': estimate, 'clusters': both[2] if both else 0}
    if reason:
      row |= dict.fromkeys(('low', 'high', 'standard_error', 'freedom'), reason)
    else:
      half = stats.t.isf(alpha / 2, both[1]) * np.sqrt(both[0])
      low, high = sorted((back(whole - half), back(whole + half)))
      row |= {'low': stat(low), 'high': stat(high), 'standard_error': stat(np.sqrt(both[0])), 'freedom': stat(both[1])}
    rows.append(row)
  return rows


def dependence(fa, fb, shape):
  d, _, _, position, _ = labelled(fa, fb, shape, 1)
  x = np.array([d[position == p].mean() for p in np.unique(position)])
  y = x - x.mean() if len(x) else x
  r = 0.0
  if len(x) > 1 and d.min() < d.max():
    r = (y[1:] * y[:-1]).sum() / (y ** 2).sum()
    r = min(max(r + (1 + 3 * r) / len(x) + np.sqrt(max(1 - r * r, 0) / len(x)), 0.0), 0.999)
  length = np.ceil(3 * (1 + r) / (1 - r)) if r > 0 else 1
  size = shape[1]
  window = max(int(min(max(length, 1), max(size, 1))), -(-size // 64), 1)
  return {'correlation': r, 'step': 1, 'window': window, 'cut': min(2 * r / (1 - r * r) / window, 0.5)}


def classes(fa, fb, shape, scores):
  k = shape[2]
  a, b = fa.reshape(-1, k), fb.reshape(-1, k)
  length = shape[1]
  if scores == 'probabilities':
    with np.errstate(invalid='ignore'):
      a, b = special.softmax(a, axis=1), special.softmax(b, axis=1)
  keep = np.isfinite(a).all(1) & np.isfinite(b).all(1)
  rows = np.flatnonzero(keep)
  a, b = a[keep], b[keep]
  if scores == 'logits':
    a, b = special.log_softmax(a, axis=1), special.log_softmax(b, axis=1)
  else:
    a, b = np.log(np.maximum(a, 1e-38)), np.log(np.maximum(b, 1e-38))
  n = len(a)
  p, q = np.exp(a), np.exp(b)
  x, y = (a.argmax(1), b.argmax(1)) if n else (np.empty(0, int), np.empty(0, int))
  at = np.arange(n)
  la, lb = a[at, x], b[at, x]
  size = np.abs(lb - la)
  some = lambda f: stat(f()) if n else none('empty')
  position = rows % length
  distance = np.minimum(position, length - 1 - position)
  edges, by_edge = [0, 2, 8, 16], []
  for low, high in zip(edges, edges[1:] + [1 << 62]):
    part = (distance >= low) & (distance < high)
    if part.any():
      by_edge.append({'from': low, 'count': int(part.sum()),
                      'agreement': mean_of((x == y)[part]), 'mad': mean_of(size[part])})
  ca, cb = p[at, x], q[at, y]
  given_up = p[at, x] - p[at, y]
  two = k > 1
  rank = np.argsort(-p, axis=1, kind='stable')[:, :2] if two else None
  margin = (p[at, rank[:, 0]] - p[at, rank[:, 1]]) if two else np.full(n, np.inf)
  moved = (q[at, rank[:, 0]] - q[at, rank[:, 1]] - margin) if two else np.zeros(n)
  clear = (margin > TIE) | (given_up > TIE)
  return {
      'near_ties': {'margin': TIE, 'count': int((margin <= TIE).sum()),
                    'disagreements': int(((x != y) & (given_up <= TIE)).sum()), 'agreement': mean_of((x == y)[clear])},
      'margin_noise': some(lambda: np.sqrt((moved ** 2).mean())) if two else none('too_few'),
      'count': n, 'skipped': len(keep) - n,
      'log_probability': {'mean': mean_of(size), 'min': some(lambda: size.min()), 'max': some(lambda: size.max()),
                          'median': some(lambda: np.median(size)), 'std': spread(size)['std']},
      'agreement': mean_of(x == y),
      'disagreements': [{
          'row': int(rows[i]), 'position': int(position[i]), 'reference_class': int(x[i]),
          'candidate_class': int(y[i]), 'reference_margin': stat(p[i, x[i]] - p[i, y[i]]),
          'candidate_margin': stat(q[i, y[i]] - q[i, x[i]]), 'near_tie': bool(given_up[i] <= TIE)} for i in np.flatnonzero(x != y)],
      'confidence': {'reference': mean_of(ca), 'candidate': mean_of(cb), 'difference': mean_of(cb - ca),
                     'mad': mean_of(np.abs(cb - ca)), 'max': some(lambda: np.abs(cb - ca).max())},
      'cross_entropy': {'reference': mean_of(-(p * a).sum(1)), 'candidate': mean_of(-(p * b).sum(1)),
                        'difference': mean_of((p * (a - b)).sum(1)), 'difference_of_class': mean_of(la - lb)},
      'by_edge': by_edge}


def loss_terms(true, pred, mask, resolution):
  """`multinomial_loss` of alphagenome_research, written out in numpy."""
  if not mask.any() or not len(true):
    return dict.fromkeys(('poisson', 'multinomial', 'loss'), none('empty'))
  true, pred = (np.where(mask, x, 0).reshape(-1, resolution, x.shape[-1]) for x in (true, pred))
  total_true, total = true.sum(1, keepdims=True), pred.sum(1, keepdims=True)
  over = lambda x: x[..., mask].mean()
  least = total_true - total_true * np.log(total_true + 1e-7)
  poisson = over(total - total_true * np.log(total + 1e-7) - least) / resolution
  multinomial = over(-true * np.log(pred / (total + 1e-7) + 1e-7))
  return {'poisson': stat(poisson), 'multinomial': stat(multinomial), 'loss': stat(poisson + 5 * multinomial)}


def loss(fa, fb, shape, resolution):
  a, b = fa.reshape(-1, shape[2]), fb.reshape(-1, shape[2])
  good = lambda x: (np.isfinite(x) & (np.where(np.isfinite(x), x, 0) >= 0)).all(0)
  mask = good(a) & good(b)
  candidate, reference = loss_terms(a, b, mask, resolution), loss_terms(a, a, mask, resolution)
  excess = {k: reference[k] if isinstance(reference[k], dict) else candidate[k] - reference[k] for k in reference}
  return {'candidate': candidate, 'reference': reference, 'excess': excess, 'skipped': int((~mask).sum())}


def effects(ra, aa, rb, ab):
  with np.errstate(invalid='ignore'):
    x, y = aa - ra, ab - rb
  keep = np.isfinite(x) & np.isfinite(y)
  where, fx, fy = np.flatnonzero(keep), x, y
  x, y = x[keep], y[keep]
  same = np.sign(x) == np.sign(y)
  at = lambda size: None if not len(x) else (lambda i: {
      'index': int(i), 'reference': float(fx[i]), 'candidate': float(fy[i])})(where[np.argmax(size)])
  constant = len(x) >= 2 and (x.min() == x.max() or y.min() == y.max())
  rank = pearson(x, y)[0] if len(x) < 2 or constant else stat(stats.spearmanr(x, y)[0])
  return {
      'count': len(x), 'skipped': int((~keep).sum()), 'changed': int((x != 0).sum()),
      'sign_agreement': mean_of(same), 'sign_agreement_changed': mean_of(same[x != 0]), 'spearman': rank,
      'pearson': pearson(x, y)[0], 'relative_l2': relative_l2(x, y),
      'largest_reference': at(np.abs(x)), 'largest_candidate': at(np.abs(y)), 'largest_difference': at(np.abs(y - x))}


def positions(a, b):
  x, y = (sorted(set(p[p >= 0].tolist())) for p in (a, b))
  shared = sorted(set(x) & set(y))
  return {
      'reference': len(x), 'candidate': len(y), 'shared': len(shared),
      'jaccard': len(shared) / len(set(x) | set(y)),
      'pairs': [[a.tolist().index(p), b.tolist().index(p)] for p in shared],
      'reference_only': [p for p in x if p not in shared], 'candidate_only': [p for p in y if p not in shared]}


def case(recipe, dtype, shape, seed, window, resolution):
  n = int(np.prod(shape))
  a, b = (rounded(x, dtype) for x in make(recipe, n, seed))
  ra, rb = (rounded(x, dtype) for x in make('random', n, seed + 1000))
  ulp = dtype if dtype in ('bf16', 'f16') else 'f32'
  pa, pb = ((u * 60 - 3).astype(int) for u in np.split(draw(2 * 25, seed), 2))
  return {
      'recipe': recipe, 'dtype': dtype, 'shape': list(shape), 'seed': seed, 'window': window, 'resolution': resolution,
      'expected': {
          'summary': summary(a, b, ulp), 'quantiles': quantiles(a, b), 'deciles': deciles(a, b),
          'groups': groups(a, b, shape, window), 'bias': bias(a, b, shape, window),
          'track_bias': track_bias(a, b, shape, window), 'effective': effective(a, b, shape) if shape[1] <= 4096 else None,
          'intervals': intervals(a, b, shape, window), 'dependence': dependence(a, b, shape) if shape[1] <= 4096 else None,
          'logits': classes(a, b, shape, 'logits'),
          'probabilities': classes(a, b, shape, 'probabilities'), 'positions': positions(pa, pb), 'loss': loss(a, b, shape, resolution),
          'effects': effects(ra, a, rb, b)}}


def main():
  cases = [case('random', 'f32', (1, 130, 7), 1, 10, 13)]
  for seed, recipe in enumerate((
      'heavy', 'tiny_difference', 'offset', 'bias', 'scaled', 'opposite', 'bit_equal', 'constant_equal',
      'constant_reference', 'constant_both', 'zero_reference', 'zero_both', 'nan', 'all_nan', 'positive'), 2):
    cases.append(case(recipe, 'f64', (2, 40, 5), seed, 6, 8))
  for seed, dtype in enumerate(('bf16', 'f16', 'i32', 'bool', 'f32'), 30):
    cases.append(case('random', dtype, (1, 60, 5), seed, 7, 12))
  cases.append(case('positive', 'bf16', (1, 64, 4), 40, 16, 32))
  cases.append(case('nan', 'f32', (1, 48, 64), 43, 6, 12))
  cases.append(case('nan', 'f32', (1, 40_000, 4), 42, 5000, 1000))  # several chunks
  cases.append(case('nan', 'bf16', (1, 64, 4), 41, 16, 32))
  for seed, shape in enumerate(((1, 0, 3), (1, 1, 1), (1, 2, 1), (1, 1, 2), (1, 3, 1)), 50):
    cases.append(case('random', 'f32', shape, seed, 1, 1))
  tail = [(t, f, 2 * stats.t.sf(t, f)) for f in (1, 2, 5, 30, 1e3, 9.9e3, 1.1e4, 1e5, 1e8) for t in (1e-6, 0.1, 1, 3, 9, 33)]
  quantile = [(p, f, stats.t.isf(p, f)) for f in (1, 2, 5, 30, 1e3, 1e6) for p in (0.4, 0.05, 0.005, 1e-6)]
  print(json.dumps({'student_two_sided': tail, 'student_quantile': quantile, 'cases': cases}, separators=(',', ':')))


if __name__ == '__main__':
  main()
