"""Public vision-language models, through the `transformers` library, as encoders."""
