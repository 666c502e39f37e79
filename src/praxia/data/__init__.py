"""Demonstrations on disk: our own reader and writer of the LeRobot layout. No torch.

Write (the collect room):
    `recording.begin(root, plan, resume=...)`    which episodes are already safe; refuses somebody else's folder
    `staging.stage_episode(root, index, episode)`    one finished `episode.Episode`, from any process, in any order
    `compact.compact(root, embodiment, plan)`    staged episodes -> the data set, in index order; its content_sha256

Write in real time, frame by frame (robots, teleoperation):
    `live.recorder.Recorder(root, embodiment, plan)`    `.episode(...)`, `.add(...)`, `.save()`; stages the same folders

Read (the train, results and cli packages):
    `metadata.Metadata.read(root)`             what meta/ says, of v3.0 and v2.1 alike, held against itself
    `dataset.Dataset(root, cache_bytes=...)`     episodes, statistics, columns, footage; `verify()` hashes every file
    `Dataset.camera_frames(camera, size)`              images by frame, through the cache: `read(frames)`; `decode(frames)`
    `windows.Windows(dataset, window, episodes)` `len()`, `read(indices) -> Samples`, batched
    `mixing.file.find_mixture(data)`                 what `--data` names, as a `mixing.mix.MixtureConfig`: data sets, how, how often
    `MixtureConfig.open(window) -> mixture.Mixture`        their windows as one: `batch(seed, step, size)`, `read(indices)`
    `mixing.preview.preview(mix, window, ...)`   what `praxia data mix` prints: what a step will see
    `order`                                      which windows step `step` reads
    `loader.Loader(mixture, workers=...)`        its batches, read ahead by processes: `take(step)`
    `summary.info(root)`                         what `praxia info DIR` prints
    `episode_numbers.chosen(text, total)`        the episodes that "3,7-9" names

Look after: `check` finds what is wrong with a data set, `edit` makes another out of it, `survey` its statistics.

Exchange: `exchange` imports the data sets of ACT/ALOHA, robomimic and Diffusion Policy, and exports to the first two.

Beside the standard's files lie `praxia/episodes.jsonl` (start, task, success and provenance of each episode),
`praxia/states/` (the simulator's state before each step), `praxia/embodiment.json`, `praxia/plan.json` and
`praxia/manifest.json` (bytes and SHA-256 of every file). Other readers of the format never look there.
"""
