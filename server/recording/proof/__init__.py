"""Proof that recordings are what the recorder wrote: its keys, and the checking of seals."""
