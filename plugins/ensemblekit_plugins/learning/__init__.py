"""What combiners learn with: labelled rows, metrics, weights, final estimators, calibration maps."""
