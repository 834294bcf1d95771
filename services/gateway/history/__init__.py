"""Last seen and recent activities, of people who want them kept."""
