"""Every float there is of a narrow dtype: each side's value and slope against the truth, counted by segments."""
