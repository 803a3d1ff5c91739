"""Writes tiny_digests.json: the SHA-256 of every leaf of the tiny stand-in model, drawn anew from its seed.

  python make_digests.py

Orbax is not involved, so that the digests are independent of every checkpoint. Needs: pip install numpy
"""

import hashlib
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
STANDIN = HERE.parents[3] / 'tests' / 'standin'
sys.path.insert(0, str(STANDIN))

import weights  # noqa: E402


def main():
  spec = weights.read_spec(STANDIN / 'tiny' / 'param_spec.json')
  trees = weights.build(0, spec, np.load(STANDIN / 'tiny' / 'variances_seed0.npz'))
  digests = {}
  for index, tree in enumerate(trees):
    for module, leaves in tree.items():
      for name, value in leaves.items():
        data = np.ascontiguousarray(value, '<f4').tobytes()
        digests[f'{index}.{module}.{name}'] = hashlib.sha256(data).hexdigest()
  lines = (f' {json.dumps(name)}: {json.dumps(digests[name])}' for name in sorted(digests))
  (HERE / 'tiny_digests.json').write_text('{\n' + ',\n'.join(lines) + '\n}\n')


if __name__ == '__main__':
  main()
