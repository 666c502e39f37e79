"""The torch nouns and the blocks that encoders and heads are made of."""
