"""What the concept agent is compared with."""
