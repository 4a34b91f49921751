"""What each side means by a name, read off measured numbers."""
