"""What Grux costs, against the least it could cost on the same machine in the same minutes."""
