"""From data sets to training batches. No torch.

`mixture_config.find_mixture(data)`          the mixture that `--data` names, as a `MixtureConfig`
`MixtureConfig.open(window) -> mixture.Mixture`    the windows of all its data sets: `batch(seed, step, size)`,
                                             `read(indices) -> Samples`
`windows.Windows(dataset, window, episodes)`    the windows of one data set; `view.DatasetView` changes its names,
                                             sizes and rate
`order`                                      which windows step `step` reads: a pure function of (seed, step)
`loader.Loader(mixture, workers=...)`        its batches, prefetched by processes: `take(step)`
`frame_cache.CachedFrames(dataset, camera)`  images, decoded once and kept on disk: `read(frames)`
`cache_usage.list_caches()`                  what is kept of which data set; `clear_cache` removes it
`fitting.compute_statistics(entries, relative)`    statistics of the rows to train on; `fit_transforms` fits to them
`action_chunks`                              action chunks without images, to fit action tokenizers
`preview.preview(config, window, ...)`       the result of `praxia data mix`: what a training step sees
`vqa.read_vqa(path)`                         images with questions and answers, for a language model
"""
