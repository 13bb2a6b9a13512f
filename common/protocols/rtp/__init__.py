"""RTP and RTCP (RFC 3550), and the payload formats that cameras send, without I/O."""
