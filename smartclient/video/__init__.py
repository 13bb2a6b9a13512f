"""Pictures and sound: decoder processes, shared memory, and the GUI's end of both."""
