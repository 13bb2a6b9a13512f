"""The Playback tab: timeline, transport and the master clock."""
