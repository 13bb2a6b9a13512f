"""What a site consists of, as frozen values the client shows."""
