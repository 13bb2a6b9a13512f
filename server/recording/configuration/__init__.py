"""Where the recorder's configuration comes from: management over HTTPS, and an encrypted copy when that is away."""
