"""Pure maps between an embodiment's units and what a network sees. numpy only; every one travels in the checkpoint."""
