"""What a policy is and what it was trained on, at the top of the page."""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from praxia.results.meta import policy_of
from praxia.studio.html import Markup, tag
from praxia.studio.sources import DatasetSummary, ReportSources, TrainingRun

__all__ = ["policy_facts", "run_facts", "run_of"]


def run_of(fingerprint: Mapping[str, Any], runs: Sequence[TrainingRun]) -> TrainingRun | None:
    """The training run of the policy that a results file is of, if it is among `runs`."""
    return next((run for run in runs if run.produced(fingerprint)), None)


def policy_facts(fingerprint: Mapping[str, Any], sources: ReportSources) -> Markup:
    """The policy that a results file is of: its recipe, model, data and training as far as its run is a source."""
    run = run_of(fingerprint, sources.runs)
    if run is not None:
        return run_facts(run, sources.datasets, policy_of(fingerprint))
    if fingerprint.get("claim"):
        return _list(_claimed(fingerprint))
    if fingerprint.get("planner"):
        return _list(_planned(fingerprint))
    facts = {"hash": policy_of(fingerprint)[:12]}
    if fingerprint.get("weights_sha256"):
        facts["trained on"] = "unknown: add the folder of its training run to the report"
    return _list(facts)


def run_facts(run: TrainingRun, datasets: Sequence[DatasetSummary], policy_sha256: str | None = None) -> Markup:
    """What a training run made, of what, and how."""
    about = run.description
    facts = {"recipe": str(about["recipe"]), "model": _model(run), "trained on": "; ".join(_data(about, datasets))}
    facts["training"] = _training(about)
    if start := about.get("start_from"):
        facts["fine-tuned from"] = Path(start["path"]).name
    if policy_sha256 or run.policy is not None:
        facts["hash"] = (policy_sha256 or str((run.policy or {}).get("policy_sha256", "")))[:12]
    return _list({name: text for name, text in facts.items() if text})


def _planned(fingerprint: Mapping[str, Any]) -> dict[str, str]:
    """What a planner plans with, and in which world."""
    planner = fingerprint["planner"]
    solver = ", ".join(f"{name} {value}" for name, value in planner["solver"].items() if name != "type")
    blocks, world = planner["blocks"], planner["world"]
    shape = f"{blocks['count']} blocks of {blocks['steps']} control steps"
    return {
        "planner": f"{planner['solver']['type']} ({solver})",
        "objective": planner["objective"]["type"],
        "plan": shape
        + (", one action per block" if blocks["repeat"] else "")
        + (", shrinking" if blocks["shrink"] else ""),
        "world": f"model {world[:12]}" if isinstance(world, str) else "the simulator itself",
        "hash": policy_of(fingerprint)[:12],
    }


def _claimed(fingerprint: Mapping[str, Any]) -> dict[str, str]:
    """What a foreign policy is said to be: nothing proves which weights acted."""
    claim = fingerprint["claim"]
    source = claim["source_sha256"]
    return {
        "foreign policy": claim["factory"],
        "package": claim["distribution"] or "none is installed",
        "hash of the source": source[:12] if source else "unknown",
        "fingerprint": _short(json.dumps(claim["fingerprint"])) if claim["fingerprint"] else "the policy gives none",
        "identity": f"claimed, not proved: {policy_of(fingerprint)[:20]}",
    }


def _short(text: str, most: int = 100) -> str:
    return text if len(text) <= most else f"{text[:most]} ..."


def _list(facts: Mapping[str, str]) -> Markup:
    entries = (tag("div", tag("dt", name), tag("dd", text)) for name, text in facts.items())
    return tag("dl", *entries, class_="facts policy")


def _model(run: TrainingRun) -> str:
    if run.policy is None:
        return ""
    model = run.policy["model"]
    parts = [part for part in (model.get("encoder"), model.get("head")) if part] or [model]
    names = [part["type"] for part in parts if "type" in part]
    size = _num_weights(run.path / "policy" / "weights.safetensors")
    return " + ".join(names) + (f", {_count(size)} weights" if size else "")


def _num_weights(path: Path) -> int:
    """How many numbers the weights are; 0 without a readable file."""
    try:
        with safe_open(path, framework="numpy") as tensors:
            return sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return 0


def _count(number: int) -> str:
    return f"{number / 1e6:,.1f}M" if number >= 1e6 else f"{number / 1e3:,.0f}k"


def _data(about: Mapping[str, Any], datasets: Sequence[DatasetSummary]) -> Iterator[str]:
    """Each data set: its name, how many of its episodes were trained on, and how many were held out."""
    known = about["data"] if isinstance(about["data"], list) else [about["data"]]  # a single one in older runs
    sizes = about.get("trained_on") or [{}] * len(known)
    held_out = about.get("held_out") or [[]] * len(known)
    for one, size, held in zip(known, sizes, held_out, strict=True):
        episodes = size.get("episodes") or _recorded(one, datasets, len(held))
        parts = [f"{episodes:,} episodes" if episodes else "", f"{len(held):,} held out" if held else ""]
        listed = ", ".join(filter(None, parts))
        yield Path(one["path"]).name + (f" ({listed})" if listed else "")


def _recorded(known: Mapping[str, Any], datasets: Sequence[DatasetSummary], num_held_out: int) -> int:
    """The episodes of a data set of the page, for runs that did not record how many they were trained on."""
    sha256 = known.get("content_sha256")
    found = (one.info["episodes"] for one in datasets if sha256 and one.info["content_sha256"] == sha256)
    return max(0, next(found, 0) - num_held_out)


def _training(about: Mapping[str, Any]) -> str:
    options = about.get("config", {}).get("train", {})
    steps = f"{options['steps']:,} steps" if "steps" in options else ""
    batch = f" of {options['batch_size']:,} windows" if steps and "batch_size" in options else ""
    return ", ".join(filter(None, [steps + batch, f"seed {json.dumps(about['seed'])}"]))
