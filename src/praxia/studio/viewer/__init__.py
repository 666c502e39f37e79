"""The page of `praxia data view`: episodes of a data set, images and numbers synchronised, in one file.

`view.write_viewer` writes the page: `episode_video` encodes an episode's images, `plots` selects the numbers to draw,
`overview` summarises the whole data set, and `page` renders the HTML. The scripts and the style sheet in this folder
run in the browser. `rerun_recording` writes episodes for rerun's viewer instead.
"""
