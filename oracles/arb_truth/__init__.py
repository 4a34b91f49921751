"""The exact truth: forward definitions over balls, differentiated by power series and by a tape."""
