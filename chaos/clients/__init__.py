"""WebSocket clients of all manners."""
