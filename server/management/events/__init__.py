"""What happens on the site, as it happens: events and states, told over a WebSocket."""
