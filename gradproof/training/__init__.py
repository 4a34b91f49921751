"""What differences come to over many steps: training parity and update rules."""
