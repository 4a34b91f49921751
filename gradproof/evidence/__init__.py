"""What was measured: verdicts, files, and the environment they were made in."""
