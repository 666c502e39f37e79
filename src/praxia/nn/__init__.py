"""The tensor types of models, and the layers that encoders and heads are built from."""
