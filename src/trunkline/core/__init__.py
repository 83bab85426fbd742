"""The shared vocabulary: values and pure functions that every other package may import."""
