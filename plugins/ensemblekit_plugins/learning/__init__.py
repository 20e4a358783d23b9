"""What combiners need to learn: labelled rows, metrics, weights, final estimators, calibration maps."""
