"""A server on the tiny model, and the tables of the other commands."""

import fnmatch
import gzip
import json
import os
import pathlib
import shutil
import subprocess
import tomllib

import grpc
import numpy as np
import pandas as pd

from alphagenome.models import dna_client

REPOSITORY = pathlib.Path(__file__).parents[2]
SCORES = REPOSITORY / 'tests/fixtures/scores'
PROGRAM = os.environ['ALPHAGENOME_PROGRAM']
MODEL = os.environ['ALPHAGENOME_TINY_MODEL']
SCRATCH = pathlib.Path(os.environ['ALPHAGENOME_SCRATCH'])
# What a row of a table of scores is about.
KEY = [
    'variant_id', 'gene_id', 'junction_Start', 'junction_End', 'variant_scorer',
    'track_name', 'track_strand',
]


def prepare():
  """Copies the made-up genome and its tables; mouse's genes have its names."""
  for name in ('genome.fa', 'annotation.gtf'):
    with gzip.open(SCORES / f'{name}.gz') as packed:
      (SCRATCH / name).write_bytes(packed.read())
  genes = (SCRATCH / 'annotation.gtf').read_text()
  (SCRATCH / 'mouse.gtf').write_text(genes.replace('"ENSG', '"ENSMUSG'))
  for name in ('polya_sites.tsv', 'splice_sites_starts.tsv', 'splice_sites_ends.tsv', 'calibration.pb'):
    shutil.copy(SCORES / name, SCRATCH)


def paired():
  """The model with one name for the tracks of both strands, as AlphaGenome's have."""
  folder = SCRATCH / 'paired'
  shutil.copytree(MODEL, folder)
  tracks = json.loads((folder / 'tracks.json').read_text())
  for organism in tracks['organisms']:
    for output in organism['outputs'].values():
      named = [track for track in output if not track.get('padding')]
      plus, minus = ([track for track in named if track.get('strand') == strand] for strand in '+-')
      for one, other in zip(plus, minus):
        other['name'] = one['name']
  (folder / 'tracks.json').write_text(json.dumps(tracks))
  return folder


FILES = {
    'human': ['--gtf', 'annotation.gtf', '--polya', 'polya_sites.tsv'],
    'mouse': ['--gtf', 'mouse.gtf'],
}


def run(command, *arguments, organism='human', genes=True):
  """Runs another command of the program in the scratch folder."""
  line = [PROGRAM, command, '--model', MODEL, '--organism', organism, '--quiet', *map(str, arguments)]
  if genes:
    line += FILES[organism]
  subprocess.run(line, cwd=SCRATCH, check=True, stdout=subprocess.DEVNULL)


class Server:
  """`alphagenome serve` on a free port."""

  def __init__(self, *arguments, model=MODEL):
    line = [PROGRAM, 'serve', '--model', model, '--listen', '127.0.0.1:0', '--json', *arguments]
    for organism, files in FILES.items():
      line += ['--fasta', f'{organism}=genome.fa']
      for flag, path in zip(files[::2], files[1::2]):
        line += [flag, f'{organism}={path}']
    self.process = subprocess.Popen(line, cwd=SCRATCH, stdout=subprocess.PIPE, text=True)
    said = self.process.stdout.readline()
    assert said, f'the server ended with {self.process.wait()}'
    self.address = json.loads(said)['url'].removeprefix('http://')

  def channel(self):
    # As `dna_client.create` has it: the places of junctions come in one message.
    return grpc.insecure_channel(self.address, options=[('grpc.max_receive_message_length', -1)])

  def client(self, **more):
    return dna_client.DnaClient(channel=self.channel(), **more)

  def stop(self):
    self.process.terminate()
    code = self.process.wait(60)
    self.process.stdout.close()
    return code


def read(path):
  """A table of texts, in which nothing is an empty text."""
  return pd.read_csv(path, sep='\t', dtype=str, keep_default_na=False)


def keyed(table):
  """Scores by what they are of."""
  table = table.astype(object).where(table.notna(), '')
  for column in ('junction_Start', 'junction_End'):
    # A column with gaps is one of floats.
    table[column] = [str(int(float(place))) if place != '' else '' for place in table[column]]
  key = table[KEY].astype(str).agg('|'.join, axis=1)
  assert key.is_unique, key[key.duplicated()]
  scores = table['raw_score'].replace('', 'nan').astype(np.float32)
  return dict(zip(key, scores))


_RULES = tomllib.loads((REPOSITORY / 'parity/thresholds/scores.toml').read_text())['rule']


def bound(scorer, score):
  """How far a score may be from the recorded one: the bounds of `parity scores`."""
  aggregation = getattr(scorer, 'aggregation_type', None)
  parts = [scorer.base_variant_scorer.name, scorer.requested_output.name]
  name = '/'.join(parts + ([repr(aggregation)] if aggregation else []))
  for rule in _RULES:
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in rule['scorers']):
      assert 'active' not in rule, name
      return rule.get('absolute', 0) + rule.get('score', 0) * abs(score)
  raise KeyError(name)
