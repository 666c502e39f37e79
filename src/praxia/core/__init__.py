"""The nouns and interfaces every room shares. numpy only: importing this never imports torch."""
