"""Data sets made out of data sets: episodes deleted, split off, merged, trimmed; things renamed. No torch.

    `operations.delete(root, episodes, out)`    and `split`, `merge`, `trim`, `rename`: what `praxia data edit` does
    `change.Change`                             what any of them comes to: what is kept of which episodes
    `write.write(changes, outs)`                makes it, in new folders, each there in full or not at all

Numbers are rewritten, videos never: every mp4 of the result is one of the source's, byte for byte, as a hard link where
the file system allows. Images that no episode has any more stay in it as gaps, which the episode table passes over; a
video that no episode uses is left out. Frames can therefore be cut at an episode's begin and end only: its images are
one stretch of a video.

What is there of the source stays, whoever wrote it: columns, statistics and files that nothing here knows are carried
over. The result of an edit is LeRobot v3.0, with our side files where the source has them.
"""
