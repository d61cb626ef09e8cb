"""Optimizes the shard in the folder that is its only argument: a program of its own, see ``optimizer``."""

import os
import sys

from qdrant_edge import EdgeShard


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(10)  # searches go first
    shard = EdgeShard.load(sys.argv[1])
    shard.optimize()
    shard.flush()
    shard.close()


if __name__ == "__main__":
    main()
