"""The line of progress of a run."""

from praxia.studio.training_progress import TrainingProgress


def test_a_validation_of_a_model_that_samples_no_actions_has_no_action_error():
    lines = []
    shown = TrainingProgress(lambda step, steps, text: lines.append(text), 10)
    validated = {"validation_loss": 0.5, "samples_per_s": 20.0}
    for metrics in (validated, {**validated, "action_error": 0.25}):
        shown.report(5, metrics)
        shown.progress(5, 0.75)
    assert lines == [
        "loss 0.7500  validation 0.5000  20 samples/s",
        "loss 0.7500  validation 0.5000  action error 0.25  20 samples/s",
    ]
