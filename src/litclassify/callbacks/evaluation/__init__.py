"""What the logits of a validation or a test become: metrics, figures, reports."""
