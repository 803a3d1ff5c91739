"""Writes the databases of this folder with TensorStore, and expected.json: what they hold.

  python make_databases.py

Needs: pip install tensorstore (made with 0.1.86). File names and uuids are drawn, so that each run gives other bytes.
`example` is not made here: it is the test vector of the format's description.
"""

import hashlib
import json
import pathlib
import shutil

import tensorstore as ts

HERE = pathlib.Path(__file__).resolve().parent


def value(index):
  """Gives values of all sizes around the limit of what stands in a leaf."""
  return hashlib.shake_128(str(index).encode()).digest([0, 1, 20, 99, 100, 101, 300][index % 7])


def write(name, keys, commits=1, **config):
  folder = HERE / name
  shutil.rmtree(folder, ignore_errors=True)
  store = ts.KvStore.open({'driver': 'ocdbt', 'base': f'file://{folder}/', 'config': config}).result()
  for commit in range(commits):
    transaction = ts.Transaction(atomic=True)
    for index, key in enumerate(keys):
      if index % commits <= commit:
        store.with_transaction(transaction)[key] = value(index)
    transaction.commit_async().result()
  return {key: value(index).hex() for index, key in enumerate(keys)}


def main():
  many = [f'layer_{layer}/{kind}.{part}' for layer in range(40) for kind in ('w', 'bias') for part in range(5)]
  few = ['', 'a', 'a/b', 'b']
  zstd = {'id': 'zstd', 'level': 3}
  expected = {
      # A small limit makes a high tree.
      'deep': write('deep', many, max_decoded_node_bytes=400, max_inline_value_bytes=20, compression=zstd),
      'raw': write('raw', many, max_decoded_node_bytes=2000, compression=None),
      'numbered': write('numbered', few, commits=4, manifest_kind='numbered'),
      'history': write('history', few, commits=4, version_tree_arity_log2=1),
  }
  # Two databases whose trees are merged into a third, which refers to their files by base paths.
  merged = HERE / 'merged'
  shutil.rmtree(merged, ignore_errors=True)
  expected['merged'] = {}
  context = ts.Context()
  parent = ts.KvStore.open({'driver': 'ocdbt', 'base': f'file://{merged}/'}, context=context).result()
  transaction = ts.Transaction(atomic=True)
  for part in ('left', 'right'):
    keys = [f'{part}/{index}' for index in range(12)]
    expected['merged'] |= write(f'merged/{part}', keys, max_inline_value_bytes=20, max_decoded_node_bytes=500)
    child = ts.KvStore.open({'driver': 'ocdbt', 'base': f'file://{merged}/{part}/'}, context=context).result()
    child.experimental_copy_range_to(parent.with_transaction(transaction)).result()
  transaction.commit_async().result()
  (HERE / 'expected.json').write_text(json.dumps(expected, indent=1, sort_keys=True) + '\n')


if __name__ == '__main__':
  main()
