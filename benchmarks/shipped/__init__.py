"""What an ensemble costs as one model: differences, sizes, latency."""
