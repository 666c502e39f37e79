"""Data sets on disk: reader and writer of the LeRobot layout. No torch.

Write:
    `recording.begin_recording(root, plan, resume=...)`    begins or resumes a recording; the episodes it already has
    `staging.stage_episode(root, index, episode)`    one finished `episode.Episode`, from any process, in any order
    `recorder.StagedRecorder(root, embodiment)`      the same step by step, behind the interface of all recorders
    `finalize.finalize(root, embodiment, plan)`      staged episodes -> the data set, in index order; its content_sha256

`praxia.datatools.record` writes in real time, frame by frame (robots, teleoperation), and stages the same folders.

Read:
    `metadata.Metadata.read(root)`               the contents of meta/, of v3.0 and v2.1 alike, checked for consistency
    `dataset.Dataset(root)`                      episodes, statistics, columns, images; `verify()` hashes every file
    `Dataset.camera_frames(camera, size)`        the images of a camera by frame: `decode(frames)`
    `summary.info(root)`                         the result of `praxia data info DIR`
    `episode.parse_episodes(text, total)`        the episodes that "3,7-9" names

`praxia.dataloader` reads windows and batches from data sets, `praxia.datatools` checks, edits and exchanges them, and
`praxia.statistics` has the accumulators of meta/stats.json.

Beside the standard's files are `praxia/episodes.jsonl` (start, task, success and provenance of each episode),
`praxia/states/` (the simulator's state before each step), `praxia/embodiment.json`, `praxia/plan.json` and
`praxia/manifest.json` (bytes and SHA-256 of every file). Other readers of the format ignore them.
"""
