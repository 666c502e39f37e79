"""Config + weights + transforms <-> Policy. Safetensors and JSON, never pickle."""
