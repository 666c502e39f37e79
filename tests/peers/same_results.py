"""Does this version compute what another did, whatever has been renamed since?

    python tests/peers/same_results.py --before REV [--json] [--only PART]

A command, not a test of the suite: it records, fits, trains and judges with the source of REV and then with that of
the working tree, on one thread each and in temporary folders, and compares everything that both have written: numbers,
tensors and pictures bit for bit. What has been called otherwise until revision dffdf2c is declared below; REV is that
one or an earlier one, or one that has today's names. Then the new version goes on with files of the old one.

Prints for each part "same" or the first differences; exit code 0 if all is the same. Some six minutes.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from same_compare import Names, Pairs, differences
from same_sides import Side, export

ROOT = Path(__file__).resolve().parents[2]

# What is called otherwise now, as (regular expression of before, replacement of now); see `same_compare.Names`.
KEYS: Pairs = (
    (r"/part$", "/type"),
    (r"/shapes/bodies$", "/embodiment_dims"),
    (r"/bodies$", "/embodiments"),
    (r"(/parts/\d+)/body$", r"\1/embodiment"),
    (r"/moments$", "/observation_steps"),
    (r"/vocabulary$", "/vocab_size"),
    (r"/integers/kind$", "/integers/type"),
    (r"/integers$", "/vocabulary"),
    (r"/ids_per_integer$", "/tokens_per_integer"),
    (r"(/head|\d\d\.json:)/code$", r"\1/tokenizer"),
    (r"/code$", "/type"),
    (r"/codes$", "/tokenizers"),
    (r"/state_steers$", "/state_conditions"),
    (r"/subwords$", "/text_tokenizer"),
    (r"/pace$", "/execution"),
    (r"/executed_steps$", "/execution_horizon"),
    (r"(\.jsonl:/\d+)/path$", r"\1/path_length"),
    (r"((?:0[0-8]|12)\.json:(?:/per_task/[^/]+)?)/path$", r"\1/path_length"),
    (r"/num_questions$", "/num_vqa"),
    (r"/questions$", "/vqa"),
    (r"/subwords/model$", "/subwords/tokenizer_json"),
)
VALUES: Pairs = (
    (r"(/integers/kind)=integers$", r"\1=integer-bpe"),
    (r"(/part)=composed$", r"\1=encoder-head"),
    (r"(/part)=subword-text$", r"\1=pooled-text"),
    (r"(/axis)=body$", r"\1=embodiment"),
    (r"=tabletop/body$", "=tabletop/embodiment"),
    (r"=flow-tabletop-bodies$", "=flow-tabletop-embodiments"),
)
TENSORS: Pairs = (
    (r"^encoder\.picture ", "encoder.image_embedding "),
    (r"^encoder\.camera ", "encoder.camera_embedding "),
    (r"^encoder\.moment ", "encoder.time_embedding "),
    (r"^encoder\.ask (?=\[1, )", "encoder.readout_tokens "),
    (r"^encoder\.ask ", "encoder.readout_token "),
    (r"^encoder\.words\.weight ", "encoder.token_embedding.weight "),
    (r"^head\.place\.weight ", "head.position.weight "),
)
FILES: Pairs = ()
# Words of a command line, each by itself: verbs, options, names of recipes and benchmarks.
OPTIONS: Pairs = (
    (r"^codes$", "tokenizer"),
    (r"^--code$", "--tokenizer"),
    (r"^flow-tabletop-bodies$", "flow-tabletop-embodiments"),
    (r"^tabletop/body$", "tabletop/embodiment"),
    (r"^--pictures$", "--images"),
)
# Source that imports Praxia: `same_sides.DRIVER` and the probes below.
MODULES: Pairs = (
    (r"praxia\.action_codes import code_from_json", "praxia.action_tokenizers import action_tokenizer_from_json"),
    (r"= code_from_json\(", "= action_tokenizer_from_json("),
    (r"coded\.ids", "coded.tokens"),
)
# What is of the moment or of the source, hashes of files whose content is compared itself, and options that are new.
IGNORED = frozenset(
    (
        "augmentation",
        "backbone_learning_rate",
        "command",
        "dirty",
        "earlier_steps",
        "held_out",
        "hold_out",
        "horizon_s",
        "image_size",
        "keep_every",
        "policy_sha256",
        "public_weights_sha256",
        "revision",
        "samples_per_s",
        "schema",
        "summary",
        "sha256",
        "source_sha256",
        "validate_every",
        "wall_s",
        "weights_sha256",
    )
)
SHOWN = 10

SMALL = "--train.batch-size 8 --train.warmup-steps 4 --train.checkpoint-s 0 --cache-gb 0"
FILM = (
    "--model.encoder.text.width 16 --model.encoder.text.num-heads 2 --model.encoder.channels 8 8 8 8"
    " --model.encoder.width 32"
)
VLM = (
    "--model.encoder.width 32 --model.encoder.mlp-width 64 --model.encoder.depth 2 --model.encoder.head-width 8"
    " --model.encoder.vision-depth 1"
)
DECODER = "--model.head.decoder.width 16 --model.head.decoder.depth 1 --model.head.decoder.num-heads 2"
EXPERT = (
    "--model.head.denoiser.width 16 --model.head.denoiser.mlp-width 32 --model.head.denoiser.depth 2"
    " --model.head.denoiser.head-width 8"
)
TRAINED = {
    "bins": f"bins-bimodal --data data/bimodal --model.encoder.width 32 {DECODER} --train.log-every 10",
    "pi0": f"pi0 --data data/gantry {VLM} {EXPERT}",
    "bodies": f"flow-tabletop-bodies --data data/gantry,data/arm6 {FILM} --model.head.denoiser.width 32",
}
STEPS = 200
# Every head and most encoders, for a few steps.
HEADS = {
    "regression-bimodal": "",
    "act-bimodal": "--model.head.width 16 --model.head.mlp-width 32 --model.head.num-heads 2",
    "oft-bimodal": DECODER,
    "flow-bimodal": "",
    "dit-bimodal": "--model.head.denoiser.width 16 --model.head.denoiser.depth 2",
    "diffusion-unet-bimodal": "--model.head.denoiser.channels 8 16",
    "diffusion-transformer-bimodal": "--model.head.denoiser.width 16 --model.head.denoiser.depth 1",
    "parallel-bins-bimodal": DECODER,
    "fast-bimodal": DECODER,
}
ENCODERS = {
    "rt1": f"{DECODER} --model.encoder.channels 8 8 8 16",
    "octo": "--model.encoder.width 16 --model.encoder.depth 1",
    "act": "--model.encoder.channels 16 32 --model.head.width 32 --model.head.mlp-width 32",
    "diffusion-policy-unet": "--model.encoder.channels 16 32 --model.head.denoiser.channels 8 16",
    "openvla": f"{VLM} {DECODER}",
    "gr00t-n1": f"{VLM} --model.head.denoiser.width 16 --model.head.denoiser.depth 2",
}

RELATIVE = "train flow-tabletop-heads --data data/joints --relative"

TOKENS = """
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from praxia.action_codes import code_from_json

found = {}
for data, *names in json.loads(sys.argv[1]):
    actions = np.stack(pq.read_table(next(Path(data, "data").rglob("*.parquet")))["action"].to_pylist())
    low, high = actions.min(0), actions.max(0)
    actions = ((actions - low) / np.where(high > low, high - low, 1) * 2 - 1).astype(np.float32)
    for name in names:
        code = code_from_json(json.loads(Path(name).read_text()))
        chunks = np.lib.stride_tricks.sliding_window_view(actions, code.horizon, axis=0).transpose(0, 2, 1)
        coded = code.encode(np.ascontiguousarray(chunks))
        decoded = code.decode(coded.ids, coded.valid)
        assert not decoded.status.any()
        found[Path(name).stem] = {
            "tokens": [row[valid].tolist() for row, valid in zip(coded.ids, coded.valid, strict=True)],
            "clipped": coded.clipped.sum(1).tolist(),
            "decoded": decoded.chunks.tolist(),
        }
Path(sys.argv[2]).write_text(json.dumps(found))
"""


@dataclass(frozen=True)
class Part:
    """`work(side)` is done on both sides, then the folders and files `written` are compared.

    `crossed(before, after)` has the side of now go on with files of before, and gives pairs of what must be the same.
    """

    name: str
    work: Callable[[Side], None]
    written: tuple[str, ...]
    needs: tuple[str, ...] = ()
    crossed: Callable[[Side, Side], Sequence[tuple[Path, Path]]] | None = None


def record(side: Side) -> None:
    """Tabletop's experts are disturbed by noise and by mistakes, episode by episode in turn."""
    one = "--workers 1 --profile fast"
    side.run(
        "data",
        [
            f"collect bimodal --tasks all --episodes 8 --size 32 --seed 3 --out data/bimodal {one}",
            f"collect bimodal --tasks all --episodes 3 --size 32 --seed 4 --out data/held-out {one}",
            f"collect tabletop-gantry --tasks pick,press --episodes 4 --size 64 --out data/gantry {one}",
            f"collect tabletop-arm6 --tasks pick,press --episodes 2 --size 64 --out data/arm6 {one}",
            f"collect tabletop-arm6-joints --tasks touch --episodes 2 --size 64 --out data/joints {one}",
            *(f"data stats data/{name}" for name in ("bimodal", "gantry", "arm6", "joints")),
            "data check data/gantry",
            "info data/arm6",
            "data mix data/gantry,data/arm6 --recipe flow-tabletop-bodies --pictures",
        ],
    )


def fit_codes(side: Side) -> None:
    kinds = ("fast", "bins", "quantile-bins")
    fits = [f"codes fit data/bimodal --code {kind} --horizon 8 --out codes/{kind}.json" for kind in kinds]
    fits += [f"codes fit data/gantry --code {kind} --horizon 4 --out codes/gantry-{kind}.json" for kind in kinds]
    side.run("codes", [*fits, "codes report data/bimodal --horizon 8", "codes report data/gantry"])
    tokens(side, "codes", "said/codes/tokens.json")


def tokens(side: Side, folder: str, out: str) -> None:
    """What all codes in a folder say of all chunks of data that they were not fitted on, and of some that they were."""
    names = sorted(path.name for path in (side.folder / folder).glob("*.json"))
    gantry = [f"{folder}/{name}" for name in names if name.startswith("gantry")]
    bimodal = [f"{folder}/{name}" for name in names if not name.startswith("gantry")]
    side.probe(TOKENS, json.dumps([["data/held-out", *bimodal], ["data/gantry", *gantry]]), out)


def read_codes(before: Side, after: Side) -> Sequence[tuple[Path, Path]]:
    tokens(after, after.take(before, "codes"), "said/codes/tokens-of-brought.json")
    return [(before.folder / "said/codes/tokens.json", after.folder / "said/codes/tokens-of-brought.json")]


def train(side: Side) -> None:
    side.run("train", [f"train {words} {SMALL} --train.steps {STEPS} --out runs/{n}" for n, words in TRAINED.items()])


def train_parts(side: Side) -> None:
    heads = [f"train {n} --data data/bimodal --model.encoder.width 16 {words}" for n, words in HEADS.items()]
    encoders = [f"train {n} --data data/gantry {words}" for n, words in ENCODERS.items()]
    asked = [*heads, *encoders, RELATIVE]
    runs = [f"{words} {SMALL} --train.steps 10 --out parts/{words.split()[1]}" for words in asked]
    side.run("parts", runs)


def stop(side: Side) -> None:
    """The side of before is killed in the middle of a run."""
    if side.name != "before":
        return

    def ready(folder: Path) -> bool:
        log = folder / "killed" / "metrics.jsonl"
        return log.exists() and log.read_text().count("\n") >= STEPS // 20

    side.kill(f"train {TRAINED['bins']} {SMALL} --train.steps {STEPS} --out killed", ready)


def resume(before: Side, after: Side) -> Sequence[tuple[Path, Path]]:
    """The killed run ends as the undisturbed one; and a policy of before is fine-tuned."""
    out = after.take(before, "killed")
    after.run("resume", [f"train {TRAINED['bins']} {SMALL} --train.steps {STEPS} --out {out} --resume"])
    found = json.loads((after.folder / "said/resume/00.json").read_text())
    if not 0 < (found or {}).get("resumed_from", 0) < STEPS:
        raise SystemExit(f"expected a run that goes on from its middle, got {found}\n{after.last_lines()}")
    tuned = f"train {TRAINED['pi0']} {SMALL} --train.steps 5 --out tuned --start-from"
    before.run("tuned", [f"{tuned} runs/pi0/policy"])
    after.run("tuned", [f"{tuned} {after.take(before, 'runs/pi0/policy')}"])
    weights = "policy/weights.safetensors"
    ended = (before.folder / "runs/bins" / weights, after.folder / out / weights)
    return [ended, (before.folder / "tuned" / weights, after.folder / "tuned" / weights)]


def evaluations(runs: str, out: str) -> list[str]:
    one = "--workers 1 --exact"
    return [
        f"eval {runs}/bins --benchmark bimodal --episodes 6 --out {out}/bins.jsonl {one}",
        f"eval {runs}/bins --benchmark bimodal --episodes 4 --temperature 1.0 --seed 2 --out {out}/warm.jsonl {one}",
        f"eval {runs}/bins --benchmark bimodal --episodes 4 --ensemble 0.01 --out {out}/ensemble.jsonl {one}",
        f"eval {runs}/bins --benchmark bimodal --episodes 4 --control frozen-state --out {out}/control.jsonl {one}",
        f"eval {runs}/pi0 --benchmark tabletop/heads --episodes 1 --steps 4 --out {out}/pi0.jsonl {one}",
        f"eval {runs}/bodies --benchmark tabletop/body --as tabletop-arm6 --episodes 1 --out {out}/bodies.jsonl {one}",
    ]


def judge(side: Side) -> None:
    one = "--workers 1 --exact"
    side.run(
        "eval",
        [
            *evaluations("runs", "results"),
            f"eval expert --benchmark bimodal --episodes 6 --out results/expert.jsonl {one}",
            f"eval expert --benchmark tabletop/heads --episodes 2 --out results/tabletop.jsonl {one}",
            f"eval zero --benchmark pusht --episodes 1 --out results/pusht.jsonl {one}",
            f"compare expert zero --benchmark bimodal --episodes 8 --until-decided --out results/compared {one}",
            "compare results/expert.jsonl results/bins.jsonl",
            "leaderboard results",
            "info results/bins.jsonl",
        ],
    )


def judge_brought(before: Side, after: Side) -> Sequence[tuple[Path, Path]]:
    after.take(before, "runs")
    after.take(before, "results")
    after.run("judge", [*evaluations("brought/runs", "again"), "leaderboard brought/results"])
    names = ("bins", "warm", "ensemble", "control", "pi0", "bodies")
    rows = [(before.folder / f"results/{one}.jsonl", after.folder / f"again/{one}.jsonl") for one in names]
    leaderboards = (before.folder / "said/eval/11.json", after.folder / "said/judge/06.json")
    return [*rows, leaderboards]


PARTS = (
    Part("data", record, ("data", "said/data")),
    Part("codes", fit_codes, ("codes", "said/codes/*"), ("data",), read_codes),
    Part("train", train, ("runs/*/policy", "runs/*/run.json", "runs/*/metrics.jsonl", "said/train"), ("data",)),
    Part("parts", train_parts, ("parts/*/policy", "parts/*/metrics.jsonl"), ("data",)),
    Part("resume", stop, (), ("data", "train"), resume),
    Part("eval", judge, ("results", "said/eval"), ("data", "train"), judge_brought),
)


def compare(part: Part, before: Side, after: Side) -> dict[str, Any]:
    """Do the work of a part on both sides; what differs."""
    began_s = time.perf_counter()
    for side in (before, after):
        part.work(side)
    renamed = before.modules == after.modules  # it has today's names already
    names = Names(ignored=IGNORED) if renamed else Names(KEYS, VALUES, TENSORS, FILES, IGNORED)
    pairs = [(before.folder / name, after.folder / name) for name in _expanded(part.written, before)]
    pairs += part.crossed(before, after) if part.crossed else []
    lines, count = [], 0
    for one, other in pairs:
        found, values = differences(one, other, names)
        place = other.relative_to(after.folder)
        lines += [f"{place}/{line}" if other.is_dir() else f"{place.parent}/{line}" for line in found]
        count += values
    seconds = round(time.perf_counter() - began_s, 1)
    return {"same": not lines and count > 0, "values": count, "seconds": seconds, "differences": lines}


def _expanded(written: Sequence[str], side: Side) -> list[str]:
    return [
        path.relative_to(side.folder).as_posix() for pattern in written for path in sorted(side.folder.glob(pattern))
    ]


def chosen(only: str | None) -> list[Part]:
    """The parts to be done, with what they need."""
    by_name = {part.name: part for part in PARTS}
    wanted = {only, *by_name[only].needs} if only else set(by_name)
    return [part for part in PARTS if part.name in wanted]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, metavar="REV")
    parser.add_argument("--only", choices=[part.name for part in PARTS])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in ("before", "now"):
            (folder / side).mkdir()
        tree = export(ROOT, options.before, folder / "tree")
        renamed = (OPTIONS, MODULES) if (tree / "src" / "praxia" / "training").is_dir() else ()
        before = Side("before", tree, folder / "before", *renamed)
        after = Side("now", ROOT, folder / "now", OPTIONS, MODULES)
        found = {}
        for part in chosen(options.only):
            found[part.name] = one = compare(part, before, after)
            said = "same" if one["same"] else f"{len(one['differences'])} differences"
            print(f"{part.name:8s} {said} ({one['values']} values, {one['seconds']} s)", file=sys.stderr, flush=True)
            for line in one["differences"][:SHOWN]:
                print(f"         {line}", file=sys.stderr)
    same = all(one["same"] for one in found.values())
    if options.json:
        print(json.dumps({"same": same, "before": options.before, "parts": found}))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
