"""`praxia data relabel`: the command, from a model's folder to a data set that trains."""

import json
from dataclasses import replace

import pytest
from idm_testing import RUN
from video_testing import record_slides

from praxia.cli.main import main
from praxia.data.dataset import Dataset
from praxia.encoders.film_cnn import FilmCNN
from praxia.encoders.text import NoText
from praxia.heads.regression import Regression
from praxia.policies.encoder_head import EncoderHead
from praxia.training import engine

QUICK = replace(RUN.train, steps=2, batch_size=4, warmup_steps=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Labelled episodes, others, and a model trained on the first."""
    root = tmp_path_factory.mktemp("relabel")
    record_slides(root / "labelled", [0])
    record_slides(root / "video", [1, 2, 3])
    engine.train(replace(RUN, train=QUICK), [root / "labelled"], root / "idm", recipe="idm", command="")
    return root


def relabel(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["data", "relabel", *map(str, arguments), "--json"])
    return json.loads(capsys.readouterr().out), ended.value.code


def test_a_tenth_labelled_and_the_rest_relabelled_train_a_policy(folder, capsys):
    done, code = relabel(capsys, folder / "video", folder / "relabelled", "--idm", folder / "idm")
    assert (code, done["episodes"]) == (0, 3)
    new = Dataset(folder / "relabelled")
    assert new.content_sha256 == done["content_sha256"]
    (edit,) = json.loads((folder / "relabelled/praxia/plan.json").read_text())["edits"]
    trained = json.loads((folder / "idm/policy/policy.json").read_text())
    assert edit["by"] == {name: trained[name] for name in ("policy_sha256", "weights_sha256")}
    model = EncoderHead(FilmCNN(text=NoText(), channels=(8, 8, 8, 8), width=16), Regression(width=16))
    window = replace(RUN.window, observation_steps={"image.front": (0,), "state": (0,)}, horizon=2, targets={})
    run = replace(RUN, model=model, window=replace(window, executed=False), train=QUICK)
    data = [folder / "labelled", folder / "relabelled"]
    result = engine.train(run, data, folder / "policy", recipe="mixed", command="")
    assert result["steps"] == 2


def test_what_cannot_be_relabelled_is_one_line(folder, capsys):
    answer, code = relabel(capsys, folder / "video", folder / "labelled", "--idm", folder / "idm")
    assert (code, answer["error"].startswith("expected a new folder")) == (2, True)
    answer, code = relabel(capsys, folder / "video", folder / "new", "--idm", folder / "video")
    assert code == 2
    assert "expected a policy at" in answer["error"]
    assert not (folder / "new").exists()
