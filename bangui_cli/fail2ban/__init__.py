"""What reads the neighbour's database."""
