#!/usr/bin/env bash
# The SDK's client gives saturation mutagenesis in the order in which answers come, and its tables refuse it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check alphagenome==0.10.0 anndata==0.12.19 grpcio==1.85.3 pandas==2.3.3
"$dir/venv/bin/python" - <<'PY'
from concurrent import futures
import threading
import grpc
import numpy as np
from alphagenome import tensor_utils
from alphagenome.data import genome
from alphagenome.models import dna_client, variant_scorers
from alphagenome.protos.v1 import dna_model_pb2, dna_model_service_pb2, dna_model_service_pb2_grpc

later = threading.Event()

class Server(dna_model_service_pb2_grpc.DnaModelServiceServicer):
  """One score of 0 for a variant at each position; the first ten positions are answered last."""

  def ScoreIsmVariant(self, requests, context):
    for request in requests:
      bases = request.ism_interval
      if bases.start == 100:
        later.wait(60)
      for start in range(bases.start, bases.end):
        values, _ = tensor_utils.pack_tensor(np.zeros((1, 1, 1), np.float32))
        track = dna_model_pb2.TrackMetadata(name='track', strand=dna_model_pb2.STRAND_UNSTRANDED)
        metadata = dna_model_pb2.VariantMetadata(
            variant=genome.Variant('chr1', start + 1, 'A', 'C').to_proto(), track_metadata=[track])
        data = dna_model_pb2.VariantData(values=values, metadata=metadata)
        yield dna_model_service_pb2.ScoreIsmVariantResponse(output=dna_model_pb2.ScoreVariantOutput(variant_data=data))
      if bases.start != 100:
        threading.Timer(1, later.set).start()

server = grpc.server(futures.ThreadPoolExecutor(4))
dna_model_service_pb2_grpc.add_DnaModelServiceServicer_to_server(Server(), server)
port = server.add_insecure_port('127.0.0.1:0')
server.start()
client = dna_client.DnaClient(channel=grpc.insecure_channel(f'127.0.0.1:{port}'))
scorer = variant_scorers.CenterMaskScorer(dna_client.OutputType.ATAC, 501, variant_scorers.AggregationType.DIFF_SUM)
scores = client.score_ism_variants(
    genome.Interval('chr1', 0, 16_384), genome.Interval('chr1', 100, 120), [scorer], progress_bar=False)
server.stop(None)

positions = [one[0].uns['variant'].position for one in scores]
print('alphagenome 0.10.0: DnaClient.score_ism_variants over 20 bases, asked for in two calls of ten')
print('expected: variants by position; `tidy_scores` makes a table of them, as of those of `score_variants`')
print(f'seen: positions {positions[0]} to {positions[9]}, then {positions[10]} to {positions[19]}')
assert positions == [*range(111, 121), *range(101, 111)], positions
try:
  variant_scorers.tidy_scores(scores)
except ValueError as error:
  print(f'seen: tidy_scores raises ValueError: {error}')
  assert 'expected either variant_scorer or interval_scorer' in str(error)
else:
  raise SystemExit('tidy_scores made a table')
for one in scores:
  for adata in one:
    adata.uns['variant_scorer'] = scorer
assert len(variant_scorers.tidy_scores(scores)) == 20
PY
