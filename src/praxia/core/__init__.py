"""The nouns and interfaces every package shares. numpy only: importing this never imports torch."""
