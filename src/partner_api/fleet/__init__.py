"""What people read: organizations and devices with their health, and the fleet's figures."""
