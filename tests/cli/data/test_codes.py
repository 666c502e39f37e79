"""`praxia data codes`: from a model of latent actions to a policy that begins with codes and ends with actions."""

import json
from dataclasses import replace

import pytest
from video_testing import record_slides

from praxia.checkpoint.store import load_model, read_config
from praxia.cli.main import main
from praxia.core.errors import MismatchError
from praxia.core.window import Window
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.heads.decoders import PrefixTransformer
from praxia.heads.parallel import ParallelBins
from praxia.policies.encoder_head import EncoderHead
from praxia.recipes.worlds import lapa_tworoom
from praxia.training import engine
from praxia.training.config import Train, TrainRun

QUICK = Train(steps=2, batch_size=4, warmup_steps=1, shift_px=0, ema_decay=0.0, learning_rate=1e-6, weight_decay=0.0)
LATENT = replace(
    lapa_tworoom(),
    window=Window({"image.front": (0,)}, 0, {"image.front": (2,)}),
    model=replace(lapa_tworoom().model, num_codes=3, width=16, depth=1, num_heads=2, code_width=8),
    train=QUICK,
)
POLICY = TrainRun(
    EncoderHead(
        FilmCNN(text=NoText(), channels=(8, 8, 8, 8), width=16),
        ParallelBins(decoder=PrefixTransformer(width=16, depth=1, num_heads=2)),
    ),
    Window({"image.front": (0,)}, 2),
    QUICK,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("codes")
    record_slides(root / "labelled", [0])
    record_slides(root / "video", [1, 2])
    engine.train(LATENT, [root / "video"], root / "latent", recipe="lapa", command="")
    return root


def codes(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["data", "codes", *map(str, arguments), "--json"])
    return json.loads(capsys.readouterr().out), ended.value.code


def test_a_policy_begins_with_codes_and_goes_on_with_a_few_actions(folder, capsys):
    done, code = codes(capsys, folder / "video", folder / "coded", "--latent", folder / "latent")
    assert (code, done["episodes"]) == (0, 2)
    elsewhere = replace(POLICY, train=replace(QUICK, seed=1))  # so that the weights of a fresh policy would differ
    engine.train(elsewhere, [folder / "coded"], folder / "first", recipe="bins", command="")
    data, start = [folder / "labelled"], {"start_from": folder / "first"}
    with pytest.raises(MismatchError, match="embodiments differ"):
        engine.train(POLICY, data, folder / "none", recipe="bins", command="", **start)
    engine.train(POLICY, data, folder / "second", recipe="bins", command="", refit=True, **start)
    first, second = (load_model(folder / name)[0].state_dict() for name in ("first", "second"))
    for name, value in second.items():
        if name.startswith("head.out"):
            assert value.shape != first[name].shape, "actions have other dims than codes"
        else:
            assert (value - first[name]).abs().max() < 1e-4, name
    assert read_config(folder / "second")[0].embodiments[0].name == "slider"


def test_what_cannot_be_coded_is_one_line(folder, capsys):
    answer, code = codes(capsys, folder / "video", folder / "labelled", "--latent", folder / "latent")
    assert (code, answer["error"].startswith("expected a new folder")) == (2, True)
    engine.train(POLICY, [folder / "labelled"], folder / "other", recipe="bins", command="")
    answer, code = codes(capsys, folder / "video", folder / "new", "--latent", folder / "other")
    assert code == 2
    assert "expected a model of latent actions at" in answer["error"]
    assert not (folder / "new").exists()
