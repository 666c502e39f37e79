"""Recording in real time, frame by frame, so that nothing is lost without a word. No torch.

    recorder = Recorder(root, embodiment, plan)              begins a recording, or goes on with one after a crash
    episode = recorder.episode(0, instruction=..., task=..., start=...)
    episode.add(images, state, ...)                          at every control step; returns at once
    recorder.state()                                         how far the encoders are behind
    episode.save() | episode.discard()
    compact.compact(root, embodiment, plan)                  as with any other staged episodes

While an episode runs its folder is `root/.staging/live-000123/`: `numbers` (what each step measured and did), and for
each camera `NAME.packets` (encoded video) and `NAME.spill` (images that wait on disk because the encoder is behind).
All of them are journals whose every record has a checksum. `save()` makes of them the same staged folder, byte for
byte, that `staging.stage_episode` makes of the same frames.

Threads of an episode: the caller's, which only copies images into the `backlog`; one a camera that encodes (PyAV lets
go of the interpreter's lock meanwhile); one that writes numbers and spills images; one that syncs the journals.
"""
