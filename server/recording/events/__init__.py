"""What happens to a recorder's devices and disks, kept until management knows of it."""
