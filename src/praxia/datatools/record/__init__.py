"""Records episodes in real time, frame by frame, and never loses a frame silently. No torch.

    recorder = Recorder(root, embodiment, plan)              begins a recording, or resumes one after a crash
    episode = recorder.episode(0, instruction=..., task=..., start=...)
    episode.add(images, state, ...)                          at every control step; returns at once
    recorder.state()                                         how far the encoders lag behind
    episode.save() | episode.discard()
    finalize.finalize(root, embodiment, plan)                as with any other staged episodes

While an episode is recorded its folder is `root/.staging/live-000123/`: `numbers` (the measurements and actions of each
step), and for each camera `NAME.packets` (encoded video) and `NAME.spill` (images on disk that wait for the encoder).
All of them are journals whose every record has a checksum. `save()` turns them into the same staged folder, byte for
byte, that `staging.stage_episode` makes of the same frames.

Threads per episode: the caller's, which only copies images into the `backlog`; one per camera that encodes (PyAV
releases the interpreter's lock meanwhile); one that writes numbers and spills images; one that syncs the journals.
"""
