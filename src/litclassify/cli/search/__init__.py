"""Values that short trainings find: a learning rate, a batch size."""
