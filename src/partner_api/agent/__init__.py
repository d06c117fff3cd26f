"""The program on a device: enrolls it once, then checks in for it; knows `kernel` only."""
