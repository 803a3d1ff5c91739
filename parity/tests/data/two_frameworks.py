"""Writes two small recordings as any framework could, with numpy alone: two_frameworks.py OUT

`a` is float32 and whole. `b` computes the same in float16-rounded float32, keeps every third position, stores one array in
Fortran order and its indices as int64, and writes the variant's alleles. Run with numpy 2.x; the output is committed.
"""

import json
import pathlib
import sys

import numpy as np


def case(seed, noise, sampled):
  rng = np.random.default_rng(seed)
  sequence = rng.integers(0, 5, size=96).astype(np.uint8)
  tracks = rng.gamma(2.0, 1.0, size=(1, 96, 3)).astype(np.float32)
  tracks[..., 2] = np.nan  # a padding track
  logits = rng.normal(size=(1, 96, 5)).astype(np.float32)
  constant = np.full((1, 96, 2), 0.25, np.float32)
  arrays = {'atac/predictions_1bp': tracks, 'splice_sites_classification/logits': logits, 'constant': constant}
  shapes = {name: list(array.shape) for name, array in arrays.items()}
  if noise:
    arrays = {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()}
  if sampled:
    kept = np.arange(0, 96, 3)
    arrays = {name: array[:, kept] for name, array in arrays.items()}
    arrays['splice_sites_classification/logits'] = np.asfortranarray(arrays['splice_sites_classification/logits'])
    arrays |= {f'{name}@axis1': kept for name in shapes}
  return sequence, arrays, shapes


def main():
  out = pathlib.Path(sys.argv[1])
  for name, noise in (('a', False), ('b', True)):
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for seed, label in ((1, 'snp_ref'), (2, 'snp_alt')):
      sequence, arrays, shapes = case(seed, noise, sampled=noise)
      np.savez_compressed(folder / f'{label}.npz', sequence=sequence, **arrays)
      outputs = {key: {'shape': shape, 'dtype': 'float32'} for key, shape in shapes.items()}
      cases.append({'name': label, 'file': f'{label}.npz', 'sequence_length': 96, 'organism_index': 0, 'outputs': outputs})
    manifest = {'format': 1, 'framework': f'numpy-{name}', 'versions': {'numpy': np.__version__},
                'compute_dtype': 'float32', 'cases': cases}
    (folder / 'manifest.json').write_text(json.dumps(manifest, indent=1) + '\n')


main()
