"""Makes data sets out of data sets: deletes, splits, merges and trims episodes, and renames. No torch.

    `operations.delete(root, episodes, out)`    also `split`, `merge`, `trim`, `rename`, `join`, `reorder`
    `change.Change`                             the result of any of them: what is kept of which episodes
    `write.write(changes, outs)`                writes it to new folders, each complete or not at all

Numbers are rewritten, videos never are: every mp4 of the result is one of the source's, byte for byte, as a hard link
where the file system allows. Images of removed episodes stay in it as gaps, which the episode table skips; a video that
no episode uses is left out. Frames can therefore be cut only at the start and end of an episode, because its images are
one contiguous range of a video.

Everything else in the source is kept: columns, statistics and files that nothing here knows are carried over. The
result of an edit is LeRobot v3.0, with Praxia's side files if the source has them.
"""
