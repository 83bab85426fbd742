"""Wire protocols, one room each: a decoder and an encoder between vendor bytes and the vocabulary."""
