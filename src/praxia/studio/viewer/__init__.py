"""The page of `praxia data view`: episodes of a data set, images and numbers in step, in one file.

`view.view` is the door. `choice` says which episodes, `reel` makes a film of an episode's images, `plots` says what
is drawn of its numbers, `overview` counts what is in the whole data set, and `page` puts them together; the scripts and
the style sheet beside them run in the browser. `recording` writes episodes as a rerun recording.
"""
