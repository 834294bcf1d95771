"""What each person has chosen, applied before anything is written."""
