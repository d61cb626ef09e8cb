"""
What ``ibid eval --claims`` prints of the public sets: ``python -m bench.claim_files``.

Writes them as files of the command's format into a folder that goes again, the kinds of SciFact apart and together,
and runs the command itself: the shipped verifier, rules included, process and all. It fails below the bars of WiCE, on
which its threshold was chosen, and of SciFact, and where a set that has all that a text may be to a claim is calibrated
worse than its bar. The figures are in-sample; ``bench.verdict_fit`` has what the method reaches on claims kept out.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.verdict_data import ASIDE, CONTRADICTED, SENTENCES, TOGETHER, UNRELATED, WICE, Labelled, labelled_sets

_IBID: Final = Path(sys.executable).with_name("ibid")
_BARS: Final[Mapping[str, Mapping[str, float]]] = {
    WICE: {"auroc": 0.81, "f1": 0.65}, CONTRADICTED: {"auroc": 0.62}, ASIDE: {"auroc": 0.77}
}  # fmt: skip
EVERYTHING: Final = "wice and scifact, together"
_WORST_CALIBRATION: Final = 0.08
_CALIBRATED: Final = (WICE, TOGETHER, SENTENCES, EVERYTHING)


def written(folder: Path, name: str, rows: Sequence[Labelled]) -> Path:
    path = folder / f"{name.replace(', ', '-').replace(' ', '-')}.jsonl"
    lines = (
        {"claim": one.claim, "evidence": list(one.texts), "label": "supported" if one.supported else "unsupported"}
        for one in rows
    )
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def judged(path: Path) -> dict[str, Any]:
    ran = subprocess.run([_IBID, "eval", "--claims", path, "--json"], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def main() -> int:
    sets = labelled_sets()
    sets = {name: sets[name] for name in (WICE, TOGETHER, SENTENCES, CONTRADICTED, ASIDE, UNRELATED)}
    sets[EVERYTHING] = [*sets[WICE], *sets[TOGETHER]]
    missed = False
    sys.stdout.write("| | n | AUROC | F1 | precision | recall | accuracy | calibration error |\n")
    sys.stdout.write(f"|{'---|' * 8}\n")
    with TemporaryDirectory() as folder:
        for name, rows in sets.items():
            found = judged(written(Path(folder), name, rows))
            cells = (found[key] for key in ("auroc", "f1", "precision", "recall", "accuracy", "ece"))
            sys.stdout.write(f"| {name} | {found['n']} | {' | '.join(f'{cell:.3f}' for cell in cells)} |\n")
            missed = missed or any(found[key] < least for key, least in _BARS.get(name, {}).items())
            missed = missed or (name in _CALIBRATED and found["ece"] > _WORST_CALIBRATION)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
