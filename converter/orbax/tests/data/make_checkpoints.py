"""Writes the checkpoints of this folder, and expected.json: what every leaf holds, taken from the arrays before they are saved.

  python make_checkpoints.py

Needs: pip install jax orbax-checkpoint numpy (made with jax 0.11, orbax-checkpoint 0.12.8, tensorstore 0.1.86).
File names are drawn by TensorStore and times are stored, so that each run gives other bytes.
"""

import hashlib
import json
import multiprocessing
import os
import pathlib
import shutil
import socket

HERE = pathlib.Path(__file__).resolve().parent
os.environ['JAX_PLATFORMS'] = 'cpu'


def describe(path, array):
  """Describes a leaf: its path, type and shape, and a digest of its elements, little-endian in C order."""
  data = array.astype(array.dtype.newbyteorder('<')).tobytes() if array.dtype.name != 'bfloat16' else array.tobytes()
  return {
      'path': list(path),
      'dtype': array.dtype.name,
      'shape': list(array.shape),
      'sha256': hashlib.sha256(data).hexdigest(),
  }


def walk(tree, path=()):
  """Yields the leaves of a tree of dicts, lists and tuples."""
  import numpy as np
  if isinstance(tree, dict):
    for key in sorted(tree):
      yield from walk(tree[key], path + (key,))
  elif isinstance(tree, (list, tuple)):
    for index, value in enumerate(tree):
      yield from walk(value, path + (index,))
  elif tree is not None:
    yield describe(path, np.asarray(tree))


def draw(rng, shape, dtype):
  """Draws values that use all bits of a type, without NaN."""
  import jax.numpy as jnp
  import numpy as np
  dtype = jnp.dtype(dtype)
  if dtype == bool:
    return rng.integers(0, 2, shape).astype(bool)
  if np.issubdtype(dtype, np.integer):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)
  return np.asarray(rng.standard_normal(shape)).astype(dtype)


def typed_tree():
  """A tree with every type and kind of key."""
  import numpy as np
  rng = np.random.default_rng(0)
  types = ['bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64', 'float16', 'bfloat16', 'float32', 'float64']
  return {
      'matrix': np.arange(12, dtype=np.float32).reshape(4, 3),
      'step': np.asarray(7, np.int32),
      'types': {dtype: draw(rng, (5, 2), dtype) for dtype in types},
      'layers': [draw(rng, (3,), 'float32'), (draw(rng, (2, 2, 2), 'float32'), {})],
      'a.b/c': {'d': draw(rng, (2,), 'float32')},
      'large': draw(rng, (40, 30), 'float32'),
      'nothing': None,
      'empty': {},
  }


def save(name, tree, expected, **options):
  import orbax.checkpoint as ocp
  folder = HERE / name
  shutil.rmtree(folder, ignore_errors=True)
  with ocp.Checkpointer(ocp.PyTreeCheckpointHandler(**options.pop('handler', {}))) as checkpointer:
    checkpointer.save(folder, args=ocp.args.PyTreeSave(tree, **options))
  forget_place(folder)
  expected[name] = list(walk(tree))


def forget_place(folder):
  """Removes the one file that says where the checkpoint was saved."""
  (folder / 'commit_success.txt').unlink(missing_ok=True)


def single(queue):
  """One device: OCDBT, zarr v3, and plain folders."""
  import orbax.checkpoint as ocp
  expected = {}
  tree = typed_tree()
  save('single', tree, expected)
  save('single_zarr3', tree, expected, handler={'use_zarr3': True})
  save('folders', tree, expected, handler={'use_ocdbt': False})
  chunked = lambda: ocp.SaveArgs(chunk_byte_size=500)
  import jax
  import numpy as np
  rng = np.random.default_rng(1)
  tree = {'x': draw(rng, (12, 20), 'float32'), 'y': draw(rng, (30, 4, 6), 'bfloat16')}
  for name, handler in {
      'chunked': {},
      'chunked_zarr3': {'use_zarr3': True},
      'chunked_folders': {'use_ocdbt': False},
  }.items():
    save(name, tree, expected, handler=handler, save_args=jax.tree.map(lambda _: chunked(), tree))
  queue.put(expected)


def sharded(queue):
  """Four devices: split along one axis, along two, and replicated."""
  os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=4'
  import jax
  from jax.sharding import NamedSharding, PartitionSpec
  import numpy as np
  expected = {}
  rng = np.random.default_rng(2)
  mesh = jax.sharding.Mesh(np.array(jax.devices()).reshape(2, 2), ('a', 'b'))
  arrays = {
      'rows': (draw(rng, (8, 6), 'float32'), PartitionSpec('a')),
      'both': (draw(rng, (4, 6, 3), 'bfloat16'), PartitionSpec('a', 'b')),
      'inner': (draw(rng, (3, 8), 'int32'), PartitionSpec(None, ('a', 'b'))),
      'copies': (draw(rng, (4, 3), 'float32'), PartitionSpec()),
  }
  put = lambda pair: jax.device_put(pair[0], NamedSharding(mesh, pair[1]))
  tree = {name: put(pair) for name, pair in arrays.items()}
  save('sharded', tree, expected)
  save('sharded_zarr3', tree, expected, handler={'use_zarr3': True})
  save('sharded_folders', tree, expected, handler={'use_ocdbt': False})
  queue.put(expected)


def one_of_two(queue, process, port):
  """One of two processes with two devices each, which save one checkpoint together."""
  os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=2'
  import jax
  jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  jax.distributed.initialize(f'localhost:{port}', num_processes=2, process_id=process)
  from jax.sharding import NamedSharding, PartitionSpec
  import numpy as np
  import orbax.checkpoint as ocp
  rng = np.random.default_rng(3)
  mesh = jax.sharding.Mesh(np.array(jax.devices()).reshape(4), ('a',))
  arrays = {
      'rows': (draw(rng, (8, 6), 'float32'), PartitionSpec('a')),
      'large': (draw(rng, (16, 40), 'float32'), PartitionSpec('a')),
      'copies': (draw(rng, (4, 3), 'float32'), PartitionSpec()),
  }
  tree = {
      name: jax.make_array_from_callback(value.shape, NamedSharding(mesh, spec), lambda index, value=value: value[index])
      for name, (value, spec) in arrays.items()
  }
  folder = HERE / 'processes'
  if process == 0:
    shutil.rmtree(folder, ignore_errors=True)
  with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(folder, tree)
  if process == 0:
    forget_place(folder)
    queue.put({'processes': list(walk({name: value for name, (value, _) in arrays.items()}))})


def tensorstore_arrays(queue):
  """Grids and codecs that zarr allows and Orbax does not choose, written by TensorStore beside a _METADATA of our own."""
  import numpy as np
  import tensorstore as ts
  rng = np.random.default_rng(4)
  expected = {}
  zstd = {'name': 'zstd', 'configuration': {'level': 1}}
  bytes_ = {'name': 'bytes', 'configuration': {'endian': 'little'}}

  def v2(chunks, **more):
    return 'zarr', {'chunks': chunks, 'compressor': {'id': 'zstd', 'level': 1}, **more}

  def v3(chunks, codecs, **more):
    grid = {'name': 'regular', 'configuration': {'chunk_shape': chunks}}
    return 'zarr3', {'chunk_grid': grid, 'codecs': codecs, **more}

  def shards(chunks, index=None, **more):
    index = index or [bytes_, {'name': 'crc32c'}]
    configuration = {'chunk_shape': chunks, 'codecs': [bytes_, zstd], 'index_codecs': index, **more}
    return [{'name': 'sharding_indexed', 'configuration': configuration}]

  arrays = {
      'v2': {
          'edges': ((7, 5), 'float32', *v2([3, 2])),
          'slashes': ((7, 5), 'float32', *v2([3, 5], dimension_separator='/')),
          'raw': ((6, 4), 'bfloat16', *v2([4, 4], compressor=None)),
          'larger_chunk': ((2, 2), 'int16', *v2([3, 4])),
          'deep': ((3, 4, 5, 2), 'uint8', *v2([2, 3, 5, 1])),
      },
      'v3': {
          'plain': ((7, 5), 'float32', *v3([3, 2], [bytes_, zstd])),
          'raw': ((6, 4), 'bfloat16', *v3([4, 4], [bytes_])),
          'dots': ((6, 4), 'int64', *v3([3, 4], [bytes_, zstd], chunk_key_encoding={'name': 'default', 'configuration': {'separator': '.'}})),
          'old_keys': ((6, 4), 'float64', *v3([3, 4], [bytes_, zstd], chunk_key_encoding={'name': 'v2'})),
          'scalar': ((), 'float32', *v3([], [bytes_, zstd])),
          'shards': ((11, 7), 'float32', *v3([6, 4], shards([3, 2]))),
          'index_first': ((6, 4), 'uint16', *v3([6, 4], shards([3, 2], index_location='start'))),
          'index_unchecked': ((6, 4), 'bool', *v3([3, 4], shards([3, 2], index=[bytes_]))),
      },
  }
  for name, cases in arrays.items():
    for ocdbt in (True, False):
      folder = HERE / (f'tensorstore_{name}' + ('' if ocdbt else '_folders'))
      shutil.rmtree(folder, ignore_errors=True)
      folder.mkdir()
      tree = {}
      for leaf, (shape, dtype, driver, metadata) in cases.items():
        value = draw(np.random.default_rng(len(leaf)), shape, dtype)
        store = {'driver': 'ocdbt', 'base': f'file://{folder}/', 'path': f'{leaf}/'} if ocdbt else {'driver': 'file', 'path': f'{folder}/{leaf}/'}
        spec = {'driver': driver, 'kvstore': store, 'metadata': metadata, 'create': True, 'store_data_equal_to_fill_value': True}
        array = ts.open(spec, shape=shape, dtype=getattr(ts, dtype)).result()
        array.write(value).result()
        tree[leaf] = value
      entry = lambda leaf: {
          'key_metadata': [{'key': leaf, 'key_type': 2}],
          'value_metadata': {'value_type': 'np.ndarray', 'skip_deserialize': False},
      }
      (folder / '_METADATA').write_text(json.dumps({
          'tree_metadata': {str((leaf,)): entry(leaf) for leaf in cases},
          'use_ocdbt': ocdbt,
          'use_zarr3': name == 'v3',
      }))
      expected[folder.name] = list(walk(tree))
  queue.put(expected)


def main():
  spawn = multiprocessing.get_context('spawn')
  expected = {}

  def run(*jobs):
    queue = spawn.Queue()
    processes = [spawn.Process(target=job, args=(queue, *args)) for job, *args in jobs]
    for process in processes:
      process.start()
    expected.update(queue.get())
    for process in processes:
      process.join()
      assert process.exitcode == 0

  run((single,))
  run((sharded,))
  run((tensorstore_arrays,))
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  run((one_of_two, 0, port), (one_of_two, 1, port))
  (HERE / 'expected.json').write_text(json.dumps(expected, indent=1, sort_keys=True) + '\n')


if __name__ == '__main__':
  main()
