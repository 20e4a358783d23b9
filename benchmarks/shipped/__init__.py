"""What it costs to ship an ensemble, measured."""
