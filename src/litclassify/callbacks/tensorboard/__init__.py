"""What TensorBoard shows beside the metrics."""
