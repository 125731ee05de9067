"""What the Trainer is given, and what it says in turn."""
