"""Who made a device, told by its MAC address."""
