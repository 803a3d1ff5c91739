#!/bin/sh
# Lets a CUDA build of torch run on a CPU without the gigabytes of CUDA libraries that it is linked with.
#
#   sh cpu_only.sh VENV
#
# PyPI has no other build for Linux on x86-64. Each library that is missing becomes an empty one, and symbols are bound when
# they are first called, which on a CPU they never are. Elsewhere nothing is missing, and nothing is done.
set -eu
packages=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
command -v ldd > /dev/null || exit 0
missing=$(ldd "$packages"/torch/lib/*.so* 2> /dev/null | awk '/not found/ { print $1 }' | sort -u)
for name in $missing; do
  echo | cc -shared -o "$packages/torch/lib/$name" -Wl,-soname,"$name" -x c -
done
if [ -n "$missing" ]; then
  echo 'import os, sys; sys.setdlopenflags(os.RTLD_LAZY)' > "$packages/bind_lazily.pth"
fi
