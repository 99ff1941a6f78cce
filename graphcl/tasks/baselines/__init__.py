"""References without gradient training, their settings chosen on validation."""
