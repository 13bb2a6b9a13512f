"""RTSP 1.0 as cameras speak it (RFC 2326; RFC 7826 for what it left open), without I/O."""
